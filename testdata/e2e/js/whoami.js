// Prints the result of GetCallerIdentity, with the SDK's default credentials, Region and endpoint.
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");

new STSClient({}).send(new GetCallerIdentityCommand({})).then(
  ({ Account, Arn }) => console.log(JSON.stringify({ Account, Arn })),
  (err) => { console.error(`${err.name}: ${err.message}`); process.exit(1); },
);
