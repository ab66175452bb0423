// Command sdk prints the source and the access key ID of the credentials that the AWS SDK for Go has
// for a profile.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	ctx := context.Background()
	c, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(os.Args[1]))
	if err == nil {
		keys, e := c.Credentials.Retrieve(ctx)
		fmt.Println(keys.Source, keys.AccessKeyID)
		err = e
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
