// Prints the access key that the SDK gets for each profile of its arguments: a line of JSON each.
const { defaultProvider } = require("@aws-sdk/credential-provider-node");

(async () => {
  for (const profile of process.argv.slice(2)) {
    try {
      const { accessKeyId } = await defaultProvider({ profile })();
      console.log(JSON.stringify({ profile, key: accessKeyId }));
    } catch (err) {
      console.log(JSON.stringify({ profile, problem: `${err.name}: ${err.message}` }));
    }
  }
})();
