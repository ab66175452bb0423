package doctor

import (
	"context"
	"errors"
	"runtime"

	"aws-credproc/cache"
	"aws-credproc/credproc"
)

// examination is everything that the checks look at. It is collected before the first check runs,
// and no check changes it.
type examination struct {
	opts    Options
	sh      shell
	config  *config
	chains  *chains
	env     environment
	health  cache.Health
	keys    map[string]error // why imported keys cannot be read, by profile
	keyring error            // why keys cannot be imported here; nil if they can, or not needed
	sts     stsAnswers
	// failures are the sessions whose last attempt failed.
	failures []failure
}

func newExamination(ctx context.Context, o Options) *examination {
	sh := shell{runtime.GOOS}
	x := &examination{
		opts:   o,
		sh:     sh,
		config: loadConfig(o, sh),
		env:    environment{o.Resolver.Getenv, o.Resolver.Now},
	}
	x.chains = resolveChains(x.config, o, sh)
	x.keys = checkImportedKeys(ctx, x.chains, o.Resolver)
	if x.wouldImport() {
		x.keyring = checkKeyring(ctx)
	}
	x.health = o.Resolver.Cache.Health(ctx)
	start := x.env.now()
	if o.Online {
		x.sts = askSTS(ctx, x)
	}
	x.failures = readFailures(x, start)
	return x
}

// checkKeyring returns why long-term keys cannot be imported into the keyring. A locked keyring is
// unlocked by import.
func checkKeyring(ctx context.Context) error {
	_, err := credproc.NewKeys().Get(ctx, "", "")
	if errors.Is(err, credproc.ErrNoKeys) || errors.Is(err, cache.ErrLocked) {
		return nil
	}
	return err
}
