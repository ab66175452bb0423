// Keyringget is a minimal program that reads an item of the keyring.
package main

import (
	"fmt"
	"os"

	"github.com/zalando/go-keyring"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: keyringget SERVICE USER")
		os.Exit(2)
	}
	secret, err := keyring.Get(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "keyringget:", err)
		os.Exit(1)
	}
	fmt.Println(len(secret))
}
