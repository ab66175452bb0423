// Hello is the least that a Go program can do: what any helper written in Go costs.
package main

import "fmt"

func main() { fmt.Println("hello, world") }
