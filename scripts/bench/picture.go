package main

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// picture returns an SVG with a bar for the median of each program. A bar that is much longer than
// the others is cut. The picture has a background of its own, so that it looks the same on light
// and dark pages.
func picture(rows []*program) string {
	const (
		width, row      = 860, 30
		left, top, most = 380, 44, 360
		cut             = 30 * time.Millisecond // the longest bar
	)
	height := top + row*len(rows) + 10
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`font-family="sans-serif" font-size="13" role="img" `+
		`aria-label="Duration of a process with a cached session">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="6" fill="#ffffff" stroke="#d0d7de"/>`+"\n",
		width, height)
	fmt.Fprintf(&b, `<text x="16" y="26" fill="#57606a">One process with a cached session, median; `+
		`STS calls in parentheses</text>`+"\n")
	for i, p := range rows {
		took := median(p.times)
		color, y := "#8c959f", top+row*i
		if strings.Contains(p.name, "aws-credproc") {
			color = "#1a7f37"
		}
		length := float64(min(took, cut)) / float64(cut) * most
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#24292f">%s</text>`+"\n",
			left-8, y+16, html.EscapeString(strings.ReplaceAll(p.name, "`", "")))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="20" fill="%s"/>`+"\n",
			left, y, length, color)
		if took > cut {
			fmt.Fprintf(&b, `<path d="M%d %dl6 -24h6l-6 24z" fill="#ffffff"/>`+"\n", left+most-30, y+22)
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" fill="#57606a">%.1f ms (%.2g)</text>`+"\n",
			left+length+6, y+15, milliseconds(took), float64(p.calls)/float64(len(p.times)))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
