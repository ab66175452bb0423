// Command picture reads the output of `aws-credproc demo` and writes its first two steps as an SVG
// that looks like a terminal.
package main

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"log"
	"os"
	"regexp"
	"strings"
)

// The layout, in pixels. charWidth is that of the common monospaced fonts at fontSize.
const (
	fontSize   = 14
	charWidth  = 8.43
	lineHeight = 19
	padding    = 20
	titleBar   = 34
	minColumns = 76
)

// The colors have enough contrast on the dark background, which is part of the picture. So it looks
// the same on light and on dark pages.
const (
	background = "#161b22"
	border     = "#444c56"
	plain      = "#adbac7"
	heading    = "#ffffff"
	prompt     = "#6bc46d"
	command    = "#ffffff"
	result     = "#daaa3f"
)

func main() {
	log.SetFlags(0)
	lines, err := excerpt(os.Stdin)
	if err != nil {
		log.Fatal("picture: ", err)
	}
	if _, err := io.WriteString(os.Stdout, render(lines)); err != nil {
		log.Fatal("picture: ", err)
	}
}

var stepRE = regexp.MustCompile(`^(\d)\. `)

// excerpt returns the lines of steps 1 and 2.
func excerpt(r io.Reader) (lines []string, err error) {
	step := ""
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		line := strings.TrimRight(scanner.Text(), " ")
		if m := stepRE.FindStringSubmatch(line); m != nil {
			step = m[1]
		}
		if step == "1" || step == "2" {
			lines = append(lines, line)
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	if step < "3" {
		return nil, fmt.Errorf("expected the output of demo, with at least 3 steps")
	}
	return lines, nil
}

// render returns the SVG.
func render(lines []string) string {
	columns := minColumns
	for _, line := range lines {
		columns = max(columns, len([]rune(line)))
	}
	width := int(float64(columns)*charWidth) + 2*padding
	height := titleBar + len(lines)*lineHeight + padding

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d"`,
		width, height, width, height)
	fmt.Fprintf(&b, ` font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono',`+
		` monospace" font-size="%d">`+"\n", fontSize)
	fmt.Fprintf(&b, `<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" fill="%s" stroke="%s"/>`+"\n",
		width-1, height-1, background, border)
	for i, color := range []string{"#ff5f57", "#febc2e", "#28c840"} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="17" r="6" fill="%s"/>`+"\n", padding+20*i, color)
	}
	for i, line := range lines {
		if line != "" {
			y := titleBar + (i+1)*lineHeight - 5
			fmt.Fprintf(&b, `<text x="%d" y="%d" xml:space="preserve" fill="%s"`, padding, y, plain)
			fmt.Fprintf(&b, ">%s</text>\n", color(line))
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

var callsRE = regexp.MustCompile(`AssumeRole calls[^:]*: \d+|time: \d+ ms`)

// color returns the markup of a line: headings, commands and results stand out.
func color(line string) string {
	text := html.EscapeString(line)
	if stepRE.MatchString(line) {
		return span(heading, true, text)
	}
	if before, after, ok := strings.Cut(text, "$ "); ok && strings.TrimSpace(before) == "" {
		return before + span(prompt, false, "$") + " " + span(command, true, after)
	}
	return callsRE.ReplaceAllStringFunc(text, func(s string) string { return span(result, true, s) })
}

func span(color string, bold bool, text string) string {
	weight := ""
	if bold {
		weight = ` font-weight="bold"`
	}
	return fmt.Sprintf(`<tspan fill="%s"%s>%s</tspan>`, color, weight, text)
}
