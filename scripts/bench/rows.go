package main

import (
	"errors"
	"fmt"
	"slices"
)

// stores are those that get is measured with. One that is optional has no row where it keeps nothing.
var stores = []struct {
	name     string
	optional bool
}{
	{"keyring", false},
	{"kernel", true}, // a container may refuse it
	{"file", false},
}

// noStore is the profile of those who keep nothing, or keep it on their own.
const noStore = "dev"

// profileOf is the profile whose session rests in a store.
func profileOf(store string) string { return "dev-" + store }

func profiles() []string {
	names := []string{noStore}
	for _, s := range stores {
		names = append(names, profileOf(s.name))
	}
	return names
}

// get is a row for get with a store.
func (b *bench) get(store string) *program {
	p := b.credproc("get", "--store", store, profileOf(store))
	p.name = "`aws-credproc get`, " + store + " store"
	return p
}

// fill runs a program until it is warm: its second run must call nobody.
func (b *bench) fill(p *program) error {
	if _, err := p.output(); err != nil {
		return err
	}
	b.sts.ResetRequests()
	_, said, err := p.run()
	if err == nil && b.calls() > 0 {
		err = errors.New("it called STS a second time")
	}
	if err != nil {
		return fmt.Errorf("%s: %w%s", p.name, err, said)
	}
	return nil
}

// findStores finds the stores that keep sessions here, and leaves one in each.
func (b *bench) findStores() error {
	for _, s := range stores {
		err := b.fill(b.get(s.name))
		if err != nil && !s.optional {
			return err
		}
		if err != nil {
			b.notes = append(b.notes, fmt.Sprintf("No row for the %s store: %v.", s.name, err))
			continue
		}
		b.stores = append(b.stores, s.name)
	}
	return nil
}

// warm measures programs that have nothing to fetch.
func (b *bench) warm() error {
	key, err := b.cacheKey(profileOf("keyring"))
	if err != nil {
		return err
	}
	hello := b.program("hello world in Go", "hello")
	// It reads the very item that get reads.
	lone := b.program("a Go program with one go-keyring `Get`", "keyringget", "aws-credproc", key)
	var ours []*program
	for _, store := range b.stores {
		ours = append(ours, b.get(store))
	}
	file := ours[slices.Index(b.stores, "file")]

	// The file store again, with many more profiles in the config file: the same chain, so the same session.
	path, size, err := b.manyProfiles(5000)
	if err != nil {
		return err
	}
	many := b.get("file")
	many.name += fmt.Sprintf(", 5,000 profiles (%.1f MB)", float64(size)/1e6)
	many.env = append(slices.Clip(many.env), "AWS_CONFIG_FILE="+path)
	ours = append(ours, many)

	rows := slices.Concat([]*program{hello, lone}, ours, b.others())
	if err := b.inTurns(rows, b.runs); err != nil {
		return err
	}
	for _, p := range ours {
		if p.calls > 0 {
			return fmt.Errorf("%s: %d calls of STS in %d runs: it was not warm", p.name, p.calls, len(p.times))
		}
	}
	b.notes = append(b.notes, fmt.Sprintf("5,000 profiles take %.2f ms more than %d (aim: at most 3 ms).",
		milliseconds(median(many.times)-median(file.times)), len(profiles())+1))
	printTable(fmt.Sprintf("Warm: whole processes, medians of %d runs of each in turns", b.runs), rows,
		[]reference{{"hello world", hello}, {"one go-keyring `Get`", lone}}, b.notes)
	return b.hyperfine(slices.DeleteFunc(rows, func(p *program) bool { return p == many })) // which has an environment of its own
}

// cold measures programs that call STS once, which answers at once: the time is the program's own.
func (b *bench) cold() error {
	sdk := b.program("a bare SDK program with one `AssumeRole`", "assumerole", "base", roleARN)
	none := b.credproc("get", "--store", "none", noStore)
	none.name = "`aws-credproc get`, no store"
	rows := []*program{sdk, none}
	for _, store := range b.stores {
		p := b.get(store)
		p.before = b.clear(store)
		rows = append(rows, p)
	}
	runs := max(b.runs/3, 1)
	if err := b.inTurns(rows, runs); err != nil {
		return err
	}
	var errs []error
	for _, p := range rows {
		if p.calls != len(p.times) {
			errs = append(errs, fmt.Errorf("%s: %d calls of STS in %d runs, want one each", p.name, p.calls, len(p.times)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	printTable(fmt.Sprintf("Cold: nothing cached, an STS that answers at once, medians of %d runs", runs), rows,
		[]reference{{"the SDK alone", sdk}}, nil)
	return nil
}

// clear forgets the session in a store.
func (b *bench) clear(store string) *program {
	return b.credproc("clear", "--store", store, profileOf(store))
}
