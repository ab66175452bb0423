// Prints what sts:GetCallerIdentity answers. Credentials, region and endpoint come from where the SDK itself
// looks for them: AWS_PROFILE, the shared config files and the environment.
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");

new STSClient({}).send(new GetCallerIdentityCommand({})).then(
  ({ Account, Arn }) => console.log(JSON.stringify({ Account, Arn })),
  (err) => { console.error(`${err.name}: ${err.message}`); process.exit(1); },
);
