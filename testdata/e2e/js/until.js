// Calls GetCallerIdentity with one client until a file exists.
const { existsSync } = require("node:fs");
const { setTimeout } = require("node:timers/promises");
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");

(async () => {
  const client = new STSClient({});
  while (!existsSync(process.argv[2])) {
    await client.send(new GetCallerIdentityCommand({}));
    await setTimeout(200);
  }
})();
