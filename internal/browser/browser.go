// Package browser opens web pages in the user's browser.
package browser

import (
	"io"
	"net/url"
	"os/exec"
	"runtime"
	"strings"

	"github.com/cli/browser"
)

// Open opens a page in the default browser. It may return only when the browser ends. Other users
// can see the URL in the arguments of the browser: see [HandOff] for one that is a secret.
func Open(page string) error {
	browser.Stdout, browser.Stderr = io.Discard, io.Discard
	return browser.OpenURL(page)
}

// Run opens a page with a command, which a shell runs. In the command, {url} is the URL,
// {encoded_url} the URL and {profile} the profile as values of a query. Without {url} or
// {encoded_url}, the URL follows the command.
func Run(command, page, profile string) error {
	if !strings.Contains(command, "{url}") && !strings.Contains(command, "{encoded_url}") {
		command += " {url}"
	}
	command = strings.NewReplacer("{url}", page, "{encoded_url}", url.QueryEscape(page),
		"{profile}", url.QueryEscape(profile)).Replace(command)
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	return exec.Command(shell[0], append(shell[1:], command)...).Run()
}
