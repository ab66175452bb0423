package keyring

// keychainMaxItem is the size limit of an item on macOS: go-keyring passes it to `security -i` in
// base64, on a line of at most 4096 bytes.
const keychainMaxItem = 2900
