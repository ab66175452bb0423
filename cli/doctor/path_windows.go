package doctor

import (
	"path/filepath"
	"slices"

	"golang.org/x/sys/windows/registry"
)

// desktopPath returns the PATH that Explorer sets for programs: those of the machine and of the
// user in the registry. A console may have more.
func desktopPath() []string {
	const machine = `SYSTEM\CurrentControlSet\Control\Session Manager\Environment`
	var dirs []string
	for _, at := range []struct {
		root registry.Key
		path string
	}{{registry.LOCAL_MACHINE, machine}, {registry.CURRENT_USER, "Environment"}} {
		key, err := registry.OpenKey(at.root, at.path, registry.QUERY_VALUE)
		if err != nil {
			continue // a user without variables has no such key
		}
		value, _, err := key.GetStringValue("Path")
		if closed := key.Close(); err != nil || closed != nil {
			continue
		}
		if expanded, err := registry.ExpandString(value); err == nil {
			value = expanded
		}
		dirs = append(dirs, filepath.SplitList(value)...)
	}
	return slices.DeleteFunc(dirs, func(dir string) bool { return dir == "" })
}
