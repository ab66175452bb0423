// Hello is a minimal Go program.
package main

import "fmt"

func main() { fmt.Println("hello, world") }
