package signin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/files"
)

// Token is the content of a token file, with the names that the AWS CLI uses. Times are in UTC, as
// 2006-01-02T15:04:05Z.
type Token struct {
	StartURL              string `json:"startUrl"`
	Region                string `json:"region"`
	AccessToken           string `json:"accessToken"`
	ExpiresAt             string `json:"expiresAt"`
	ClientID              string `json:"clientId,omitempty"`
	ClientSecret          string `json:"clientSecret,omitempty"`
	RegistrationExpiresAt string `json:"registrationExpiresAt,omitempty"`
	RefreshToken          string `json:"refreshToken,omitempty"`
}

const timeFormat = "2006-01-02T15:04:05Z"

// Path returns the path of the session's token file.
func (s Session) Path() (string, error) {
	if s.file != "" {
		return s.file, nil
	}
	return ssocreds.StandardCachedTokenFilepath(s.Key())
}

// SignedIn returns the sessions that have a token file. Those of the sessions in known are
// returned as they are.
func SignedIn(known []Session) (signedIn []Session, err error) {
	byPath := map[string]Session{}
	for _, s := range known {
		path, err := s.Path()
		if err != nil {
			return nil, err
		}
		byPath[path] = s
	}
	example, err := ssocreds.StandardCachedTokenFilepath("")
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(example), "*.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		t, err := loadToken(path)
		if err != nil {
			continue // the registration of a client by another tool
		}
		s, ok := byPath[path]
		if !ok {
			s = Session{StartURL: t.StartURL, Region: t.Region, file: path}
			if s.check() != nil {
				continue
			}
		}
		signedIn = append(signedIn, s)
	}
	return signedIn, nil
}

// Save writes the token file of a session, for its owner only. Readers see the old file or the new
// one.
func (s Session) Save(t Token) (err error) {
	path, err := s.Path()
	if err != nil {
		return err
	}
	path = files.Real(path) // a link stays a link
	text, err := json.Marshal(t)
	if err != nil {
		return errors.New("the token cannot be encoded")
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return files.Retry(func() error { return os.Rename(f.Name(), path) })
}

// Load returns the token in the session's file. If there is none, the error wraps
// [fs.ErrNotExist].
func (s Session) Load() (Token, error) {
	path, err := s.Path()
	if err != nil {
		return Token{}, err
	}
	return loadToken(path)
}

func loadToken(path string) (Token, error) {
	if _, err := os.Lstat(path); err != nil {
		return Token{}, err
	}
	text, err := files.Read(path, plan.MaxTextFile)
	if err != nil {
		return Token{}, err
	}
	var t Token
	if json.Unmarshal(text, &t) != nil || t.AccessToken == "" {
		return Token{}, fmt.Errorf("%s is not a token file", path)
	}
	return t, nil
}

// Remove deletes the session's token file. removed is false if there is none.
func (s Session) Remove() (removed bool, err error) {
	path, err := s.Path()
	if err != nil {
		return false, err
	}
	err = files.Retry(func() error { return os.Remove(path) })
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// expiry returns when something expires that the service says is valid for this many seconds. A
// year is more than any token is valid.
func expiry(now time.Time, seconds int32) time.Time {
	const limit = 365 * 24 * 60 * 60
	return now.Add(time.Duration(min(max(seconds, 0), limit)) * time.Second)
}
