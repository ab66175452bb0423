package statedir

import (
	"os"
	"testing"

	"aws-credproc/internal/childtest"
)

func TestMain(m *testing.M) {
	childtest.Main()
	os.Exit(m.Run())
}
