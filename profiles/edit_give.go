package profiles

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"aws-credproc/internal/diag"
)

// maxSecret bounds a secret access key; those of AWS have 40 characters.
const maxSecret = 128

// NewKeys returns long-term keys that are not in a file. [PutKeys] adds them to the credentials
// file. The error has neither of the values.
func NewKeys(accessKeyID, secretAccessKey string) (Keys, error) {
	problem, hint := "", ""
	switch {
	case accessKeyID == "" || secretAccessKey == "":
		problem = "expected both an access key ID and a secret access key"
	case len(accessKeyID) > maxKeyID:
		problem, hint = "the access key ID is too long: it may be the secret access key",
			"check whether the two values are swapped"
	case len(secretAccessKey) > maxSecret:
		problem = fmt.Sprintf("the secret access key has more than %d characters", maxSecret)
	case !isPrintable(accessKeyID) || !isPrintable(secretAccessKey):
		problem = "the access key has characters that no access key has"
	case strings.HasPrefix(accessKeyID, "ASIA"):
		problem, hint = "an access key ID that starts with ASIA is temporary",
			"import the long-term keys of an IAM user"
	}
	if problem != "" {
		return Keys{}, &diag.Error{Problem: problem, Hint: hint}
	}
	lines := keyNames[0] + " = " + accessKeyID + "\n" + keyNames[1] + " = " + secretAccessKey + "\n"
	return Keys{
		AccessKeyID: accessKeyID, SecretAccessKey: Secret(secretAccessKey),
		Cuts: []Cut{{File: CredentialsFile, Pieces: []Piece{{Text: Secret(lines)}}}},
	}, nil
}

// beforeImport begins the comment with a credential_process that [GiveKeys] has replaced.
const beforeImport = "# before import: "

// GiveKeys wires a profile to itself for keys that are in neither file, so that tools get them from
// this program. A missing profile is added to the config file. helper is the absolute path of this
// program. It sets k.Added.
//
// A profile that has other credentials is refused, except for a credential_process that runs
// aws-vault, which is kept as a comment.
func GiveKeys(e *Editor, name, helper string, k *Keys) error {
	s, err := e.now.Profile(name)
	switch {
	case errors.Is(err, ErrNoProfile):
		if name == "" || name[0] == '-' {
			return &diag.Error{Profile: name, Problem: hyphenProblem, Hint: "use another name"}
		}
	case err != nil:
		return err
	default:
		if err := replaceVault(e, s); err != nil {
			return err
		}
		if s, err = e.now.Profile(name); err != nil {
			return err
		}
		p := e.now.settings(s)
		for _, key := range keyNames {
			if p.Get(key) != "" {
				return p.fail(key, "the profile has an access key in the file already",
					"aws-credproc import "+Argument(name)+" moves that one; or remove it first")
			}
		}
		if err := checkTakeable(p); err != nil {
			return err
		}
	}
	k.Added, err = wireSelf(e, name, helper)
	return err
}

// replaceVault makes a comment of a profile's credential_process that runs aws-vault.
func replaceVault(e *Editor, p Section) error {
	if words, ours := ProcessWords(p); ours || len(words) == 0 || programName(words[0]) != "aws-vault" {
		return nil
	}
	process := p.Properties["credential_process"]
	return e.commentOut(process.File, p.Name, beforeImport, "credential_process")
}

// programName returns the name of the program that a command's first word starts, without its
// directory and .exe.
func programName(word string) string {
	name := word[strings.LastIndexAny(word, `/\`)+1:]
	return strings.TrimSuffix(strings.ToLower(name), ".exe")
}

// commentOut makes comments of the lines of some settings of a profile, each with a prefix.
func (e *Editor) commentOut(which, profile, prefix string, keys ...string) error {
	bodies, err := e.bodies(which, profile)
	if err != nil {
		return err
	}
	return e.splice(which, commentSplices(bodies, prefix, keys)...)
}

// commentSplices returns the splices that make comments of the lines of some settings.
func commentSplices(bodies []body, prefix string, keys []string) (splices []splice) {
	for _, b := range bodies {
		for _, s := range b.settings {
			if !slices.Contains(keys, s.key) {
				continue
			}
			for _, line := range s.lines {
				splices = append(splices, splice{line.start, line.start, prefix})
			}
		}
	}
	return splices
}
