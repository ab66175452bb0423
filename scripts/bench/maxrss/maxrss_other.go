//go:build !unix

package main

import "os"

// maxRSS is 0: not known here.
func maxRSS(*os.ProcessState) int64 { return 0 }
