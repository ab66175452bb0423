package cache

import (
	"encoding/json"
	"fmt"
)

const (
	itemVersion = 1
	maxItem     = maxSession + 1024 // bytes of an item, whatever the platform
)

// wireItem is the content of a keyring item: one JSON object. It names the session that it is of, so that none serves
// for another, and holds it. A session that is larger than an item may be lies sealed in a file, and the item holds what
// is needed to open that.
type wireItem struct {
	Version int             `json:"v"`
	Key     string          `json:"key"`
	Session json.RawMessage `json:"session,omitempty"`
	File    string          `json:"file,omitempty"` // the id of the sealed file, see sealedName
	SealKey []byte          `json:"seal_key,omitempty"`
}

func (it wireItem) encode() ([]byte, error) {
	it.Version = itemVersion
	b, err := json.Marshal(it)
	if err != nil {
		return nil, fmt.Errorf("keyring item: %w", err)
	}
	return b, nil
}

// decodeItem reads an item of a session: ErrVersion if a newer program wrote it, ErrCorrupt if it is anything else than
// what encode wrote for this key. Its errors quote nothing of the input.
func decodeItem(key Key, b []byte) (wireItem, error) {
	if len(b) > maxItem {
		return wireItem{}, fmt.Errorf("%w: item of %d bytes", ErrCorrupt, len(b))
	}
	var it wireItem
	jsonErr := json.Unmarshal(b, &it)
	if err := checkVersion(b, it.Version, itemVersion, jsonErr); err != nil {
		return wireItem{}, fmt.Errorf("item: %w", err)
	}
	inline, sealed := len(it.Session) > 0, isText(it.File) && len(it.SealKey) == sealKeySize
	switch {
	case it.Key != key.String():
		return wireItem{}, fmt.Errorf("%w: item of another session", ErrCorrupt)
	case inline == sealed:
		return wireItem{}, fmt.Errorf("%w: item without a session", ErrCorrupt)
	}
	return it, nil
}
