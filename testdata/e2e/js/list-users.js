// Prints the names of all IAM users as a JSON array, with the SDK's default credentials, Region and
// endpoint.
const { IAMClient, paginateListUsers } = require("@aws-sdk/client-iam");

async function main() {
  const names = [];
  for await (const page of paginateListUsers({ client: new IAMClient({}) }, {})) {
    names.push(...page.Users.map((user) => user.UserName));
  }
  console.log(JSON.stringify(names));
}

main().catch((err) => { console.error(`${err.name}: ${err.message}`); process.exit(1); });
