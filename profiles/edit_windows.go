package profiles

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// keepOwner has nothing to do: a new file takes the folder's access list, as the old one did.
func keepOwner(*os.File, fs.FileInfo) error { return nil }

// syncDir has nothing to do: Windows cannot sync a folder.
func syncDir(string) error { return nil }

// persist does what others may stand in the way of for a moment: Windows lets nobody replace a file that a program reads,
// be it an SDK or a virus scanner, nor read one that is being replaced. Nothing tells when they are done with it, and where
// many read there are only moments in which nobody does: it is tried often.
func persist(do func() error) error {
	const patience = 2 * time.Second // as that of the go command, for the same
	pause := time.Millisecond
	for end := time.Now().Add(patience); ; pause = min(pause+rand.N(pause), 10*time.Millisecond) {
		err := do()
		if !errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(err, windows.ERROR_SHARING_VIOLATION) || time.Now().After(end) {
			return err
		}
		time.Sleep(pause)
	}
}

// makeReadable is the command that lets the user read a file.
func makeReadable(path string) string { return `icacls "` + path + `" /grant "%USERNAME%:R"` }
