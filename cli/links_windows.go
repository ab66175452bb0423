package cli

// hardLinksOf returns zero: hard links to such files are rare on Windows.
func hardLinksOf(string) hardLinks { return hardLinks{} }
