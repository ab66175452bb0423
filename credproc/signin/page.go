package signin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"aws-credproc/internal/printable"
)

// refusal is an error that the browser has brought.
type refusal struct{ code, description string }

// maxRefusal limits each text of a refusal in bytes.
const maxRefusal = 200

func refusedError(code, description string) error {
	return refusal{printable.Clean(code, maxRefusal), printable.Clean(description, maxRefusal)}
}

func (r refusal) Error() string {
	text := "IAM Identity Center refused the sign-in: " + r.code
	if r.description != "" {
		text += ": " + r.description
	}
	return text
}

// pageText returns the sentence about a failure for the page.
func pageText(err error) string {
	var r refusal
	switch {
	case errors.Is(err, ErrDenied):
		return "You have denied access."
	case errors.As(err, &r):
		return r.Error() + "."
	}
	return "The sign-in has failed."
}

// writePage writes the page that the browser shows at the end. It loads nothing and needs no
// JavaScript. html/template would link every exported method of every type: see newRootCmd.
func writePage(w http.ResponseWriter, status int, title, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close")
	w.WriteHeader(status)
	// Package html would be initialized by every get with a cached session.
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")
	title = escape.Replace(title)
	// It fails only if the browser is gone.
	_, _ = fmt.Fprintf(w, pageHTML, title, title, escape.Replace(text))
}

const pageHTML = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s - aws-credproc</title>
<style>
:root { color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif }
main { max-width: 32rem; margin: 20vh auto 0; padding: 0 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.6rem; margin: 0 }
footer { opacity: .7; font-size: .9rem }
</style>
</head>
<body>
<main>
<h1>%s</h1>
<p>%s</p>
<footer>aws-credproc</footer>
</main>
</body>
</html>
`
