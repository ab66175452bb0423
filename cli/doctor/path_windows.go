package doctor

import (
	"path/filepath"
	"slices"

	"golang.org/x/sys/windows/registry"
)

// desktopPath is the PATH that Explorer gives to programs: that of the machine and that of the user, as the registry has
// them. A console may have more.
func desktopPath() []string {
	var dirs []string
	for _, at := range []struct {
		root registry.Key
		path string
	}{{registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Control\Session Manager\Environment`}, {registry.CURRENT_USER, "Environment"}} {
		key, err := registry.OpenKey(at.root, at.path, registry.QUERY_VALUE)
		if err != nil {
			continue // a user who has set nothing has none
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
