// Command sdk prints where the AWS SDK for Go has the credentials of a profile from, and their access key ID.
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
