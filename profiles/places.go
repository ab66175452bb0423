package profiles

import (
	"os"
	"slices"
	"strings"

	"aws-credproc/internal/ospath"
)

// SecretPlace is a place that holds a secret.
type SecretPlace struct {
	Where   string // file and line; of a copy, the file
	Profile string // the profile whose key it is; "" in a comment or copy
	IsCopy  bool   // of a file, kept by [Update] or [Move]
}

// PlacesOf returns the places that hold a secret: values and comments of the two files, and the
// copies next to them. It skips what it cannot read.
func PlacesOf(secret Secret, configPath, credentialsPath string) []SecretPlace {
	places := placesIn(ConfigFile, configPath, string(secret))
	places = append(places, placesIn(CredentialsFile, credentialsPath, string(secret))...)
	for _, path := range []string{configPath, credentialsPath} {
		for _, copied := range copiesOf(path) {
			if text, err := readFile(copied); err == nil && strings.Contains(text, string(secret)) {
				places = append(places, SecretPlace{Where: copied, IsCopy: true})
			}
		}
	}
	return places
}

// placesIn returns the places in one of the files.
func placesIn(which, path, secret string) (places []SecretPlace) {
	text, err := readFile(path)
	if err != nil {
		return nil
	}
	profile := ""
	for s := (scanner{path: path, text: strings.TrimPrefix(text, byteOrderMark)}); s.scan(); {
		place := SecretPlace{Where: fileLine(path, s.line.number)}
		switch s.line.kind {
		case sectionLine:
			_, profile = parseHeader(which, s.line.key)
		case propertyLine, continuationLine:
			if s.line.value == secret {
				place.Profile = profile
				places = append(places, place)
			}
		case commentLine, faultyLine:
			if hasWord(s.raw(), secret) {
				places = append(places, place)
			}
		}
	}
	return places
}

// hasWord reports whether a text has the word, not as part of a longer one. Secret access keys are
// in base64.
func hasWord(text, word string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool {
		return r != '/' && r != '+' && !isAlphanumeric(r)
	}), word)
}

// copiesOf returns the copies of a file that [Update] and [Move] have kept next to it.
func copiesOf(path string) (paths []string) {
	entries, err := os.ReadDir(ospath.Dir(path))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		prefix := ospath.Base(path) + ".aws-credproc."
		if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), ".bak") {
			paths = append(paths, ospath.Join(ospath.Dir(path), e.Name()))
		}
	}
	return paths
}
