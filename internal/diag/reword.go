package diag

// Reword returns an error that wraps err and has another text.
func Reword(text string, err error) error { return reworded{text, err} }

type reworded struct {
	text string
	err  error
}

func (r reworded) Error() string { return r.text }
func (r reworded) Unwrap() error { return r.err }
