// Asks STS who it is, again and again with one client, until the file that is named exists.
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
