// Assumerole is a minimal program that assumes a role with the AWS SDK and caches nothing.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "assumerole:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) != 3 {
		return errors.New("usage: assumerole PROFILE ROLE_ARN")
	}
	c, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(os.Args[1]))
	if err != nil {
		return err
	}
	session := "bench"
	out, err := sts.NewFromConfig(c).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &os.Args[2], RoleSessionName: &session,
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(out.Credentials)
}
