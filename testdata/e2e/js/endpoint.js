// Prints the access key ID of the SDK's default credentials.
const { STSClient } = require("@aws-sdk/client-sts");

new STSClient({}).config.credentials().then(
  ({ accessKeyId }) => console.log(accessKeyId),
  (err) => { console.error(`${err.name}: ${err.message}`); process.exit(1); },
);
