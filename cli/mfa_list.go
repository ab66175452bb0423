package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/cache/keyring"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// mfaDevice is a device as `mfa list --json` prints it, which is a public interface.
type mfaDevice struct {
	Serial   string   `json:"serial"`
	Profiles []string `json:"profiles"` // those whose mfa_serial it is
	// Seed is whether the keyring has a seed, nil if the keyring cannot be read.
	Seed *bool `json:"seed,omitempty"`
}

func newMFAListCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the MFA devices and which of them have a seed",
		Long: `Lists the MFA devices that the config files name (mfa_serial), the profiles that use
them, and whether the keyring has a seed of the device. It does not print seeds. If
the keyring cannot be read, the column SEED has a question mark.`,
		Example: "  aws-credproc mfa list",
		Args:    noArguments,
		RunE: a.runE(func(ctx context.Context, _ []string) error {
			f, err := a.files()
			if err != nil {
				return err
			}
			a.warnOfNoHome()
			devices := configuredDevices(f)
			if err := lookForSeeds(ctx, a, devices); err != nil {
				return mfaError("list", "", err)
			}
			if asJSON {
				return a.printJSON(map[string]any{"devices": devices})
			}
			return a.print(devicesPage(devices, a.screen()))
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// lookForSeeds sets which devices have a seed. If the keyring cannot be read, it warns, and leaves
// the others unset.
func lookForSeeds(ctx context.Context, a *app, devices []mfaDevice) error {
	for i, d := range devices {
		has, err := a.seeds().Has(ctx, d.Serial)
		if errors.As(err, new(*keyring.Error)) {
			a.warn("%v; it is not known which devices have a seed", err)
			return nil
		}
		if err != nil {
			return err
		}
		devices[i].Seed = &has
	}
	return nil
}

// configuredDevices returns the MFA devices in the config files, by serial number.
func configuredDevices(f *profiles.Files) []mfaDevice {
	devices := []mfaDevice{}
	for _, name := range f.Names() {
		p, err := f.Profile(name)
		if err != nil || p.Get("mfa_serial") == "" {
			continue
		}
		serial := p.Get("mfa_serial")
		i := slices.IndexFunc(devices, func(d mfaDevice) bool { return d.Serial == serial })
		if i < 0 {
			i = len(devices)
			devices = append(devices, mfaDevice{Serial: serial})
		}
		devices[i].Profiles = append(devices[i].Profiles, name)
	}
	slices.SortFunc(devices, func(a, b mfaDevice) int { return strings.Compare(a.Serial, b.Serial) })
	return devices
}

func devicesPage(devices []mfaDevice, to tui.Screen) []byte {
	if len(devices) == 0 {
		return []byte("no profile has an mfa_serial\n")
	}
	rows := [][]string{{"DEVICE", "SEED", "PROFILES"}}
	for _, d := range devices {
		seed := "no"
		switch {
		case d.Seed == nil:
			seed = "?"
		case *d.Seed:
			seed = "yes"
		}
		rows = append(rows, []string{d.Serial, seed, strings.Join(d.Profiles, ", ")})
	}
	table := tui.Table{Rows: rows, Shrink: []int{0, 2}, Paint: to.PaintTitles}
	return table.Render(to.Width)
}
