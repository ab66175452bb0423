package proc

import "os"

// inherit does nothing: a socket that is inherited would keep its port, but nothing would close it.
func inherit(*os.File) (release func(), err error) { return func() {}, nil }
