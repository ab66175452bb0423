import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.services.sts.StsClient;

/** Prints the result of GetCallerIdentity, or with the argument "key" the access key ID. */
public class Whoami {
    public static void main(String[] args) {
        if (args.length == 1 && args[0].equals("key")) {
            try (var provider = DefaultCredentialsProvider.builder().build()) {
                System.out.println(provider.resolveCredentials().accessKeyId());
            }
            return;
        }
        try (var sts = StsClient.builder().httpClient(UrlConnectionHttpClient.create()).build()) {
            var caller = sts.getCallerIdentity();
            System.out.printf("{\"Account\": \"%s\", \"Arn\": \"%s\"}%n", caller.account(), caller.arn());
        }
    }
}
