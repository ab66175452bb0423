package cache

import (
	"encoding/json"
	"fmt"

	"aws-credproc/internal/versioned"
)

const (
	itemVersion = 1
	maxItem     = maxSession + 1024 // bytes of an item on any platform
)

// itemJSON is the content of a keyring item. It has the key of its session, so that it is not
// mistaken for another one. It has the session itself, or the name of a sealed file and its key.
type itemJSON struct {
	Version int             `json:"v"`
	Key     string          `json:"key"`
	Session json.RawMessage `json:"session,omitempty"`
	File    string          `json:"file,omitempty"` // the id of the sealed file, see sealedName
	SealKey []byte          `json:"seal_key,omitempty"`
}

func (it itemJSON) encode() ([]byte, error) {
	it.Version = itemVersion
	b, err := json.Marshal(it)
	if err != nil {
		return nil, fmt.Errorf("keyring item: %w", err)
	}
	return b, nil
}

// decodeItem decodes what encode has returned for this session. Otherwise, the error wraps
// ErrVersion or ErrCorrupt. It does not quote b.
func decodeItem(key Key, b []byte) (itemJSON, error) {
	if len(b) > maxItem {
		return itemJSON{}, fmt.Errorf("%w: item of %d bytes", ErrCorrupt, len(b))
	}
	var it itemJSON
	jsonErr := json.Unmarshal(b, &it)
	if err := versioned.Check(b, it.Version, itemVersion, jsonErr); err != nil {
		return itemJSON{}, fmt.Errorf("item: %w", err)
	}
	inline, sealed := len(it.Session) > 0, isText(it.File) && len(it.SealKey) == sealKeySize
	switch {
	case it.Key != key.String():
		return itemJSON{}, fmt.Errorf("%w: item of another session", ErrCorrupt)
	case inline == sealed:
		return itemJSON{}, fmt.Errorf("%w: item without a session", ErrCorrupt)
	}
	return it, nil
}
