package main

import (
	"fmt"
	"math"
	"strings"
)

// The layout of the picture, in pixels.
const (
	width, height = 760, 320
	left, bottom  = 70, 40
	top           = 20
	fromHour      = 6
	toHour        = 22
	maxRate       = 10_000.0 // calls per second at the top of the logarithmic scale
	minRate       = 1.0
)

func x(second int) float64 {
	return left + float64(second-fromHour*hour)/((toHour-fromHour)*hour)*(width-left-20)
}

func y(rate float64) float64 {
	part := math.Log10(max(rate, minRate)/minRate) / math.Log10(maxRate/minRate)
	return height - bottom - part*(height-bottom-top)
}

// picture returns an SVG with the highest rate in each minute of the day. It has a background of
// its own, so that it looks the same on light and dark pages.
func picture(totals []*calls) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`font-family="sans-serif" font-size="13" role="img" `+
		`aria-label="STS calls per second over a working day">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="6" fill="#ffffff" stroke="#d0d7de"/>`+"\n",
		width, height)
	for rate := minRate; rate <= maxRate; rate *= 10 {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#d8dee4"/><text x="%d" y="%.1f" `+
			`text-anchor="end" fill="#57606a">%s</text>`+"\n",
			left, y(rate), width-20, left-8, y(rate)+4, thousands(int(rate)))
	}
	for h := fromHour; h <= toHour; h += 2 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#57606a">%02d:00</text>`+"\n",
			x(h*hour), height-bottom+20, h)
	}
	for i, s := range strategies {
		fmt.Fprintf(&b, `<path fill="none" stroke="%s" stroke-width="1.5" d="%s"/>`+"\n",
			s.color, line(totals[i]))
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n",
			width-190, top+16+18*i, s.color, s.name)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#57606a">STS calls per second</text>`+"\n</svg>\n",
		left+8, top+4)
	return b.String()
}

// line returns the path of the highest rate in each minute.
func line(c *calls) string {
	var b strings.Builder
	for minute := fromHour * 60; minute < toHour*60; minute++ {
		peak := int32(0)
		for _, n := range c[minute*60 : minute*60+60] {
			peak = max(peak, n)
		}
		command := "L"
		if minute == fromHour*60 {
			command = "M"
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", command, x(minute*60), y(float64(peak)))
	}
	return b.String()
}
