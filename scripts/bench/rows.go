package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// stores are the stores to measure. An optional one is left out if it does not work.
var stores = []struct {
	name     string
	optional bool
}{
	{"keyring", false},
	{"kernel", true}, // may be forbidden in a container
	{"file", false},
}

// noStore is the profile for programs without a store or with a store of their own.
const noStore = "dev"

// profileOf returns the profile for a store.
func profileOf(store string) string { return "dev-" + store }

func profiles() []string {
	names := []string{noStore}
	for _, s := range stores {
		names = append(names, profileOf(s.name))
	}
	return names
}

// get returns the row for "get" with a store.
func (b *bench) get(store string) *program {
	p := b.credproc("get", profileOf(store)) // without a flag, as tools start it
	p.env = append(slices.Clone(p.env), "AWS_CREDPROC_STORE="+store)
	p.name = "`aws-credproc get`, " + store + " store"
	return p
}

// fill runs a program that caches a session, and checks that a second run does not call STS.
func (b *bench) fill(p *program) error {
	if _, err := p.output(); err != nil {
		return err
	}
	b.sts.ResetRequests()
	_, message, err := p.run()
	if err == nil && b.calls() > 0 {
		err = errors.New("it called STS a second time")
	}
	if err != nil {
		return fmt.Errorf("%s: %w%s", p.name, err, message)
	}
	return nil
}

// findStores finds the stores that work, and stores a session in each.
func (b *bench) findStores() error {
	for _, s := range stores {
		err := b.fill(b.get(s.name))
		if err != nil && !s.optional {
			return err
		}
		if err != nil {
			b.notes = append(b.notes, fmt.Sprintf("The %s store was not measured: %v.", s.name, err))
			continue
		}
		b.stores = append(b.stores, s.name)
	}
	return nil
}

// warm measures programs with a cached session.
func (b *bench) warm() error {
	hello, lone, err := b.references()
	if err != nil {
		return err
	}
	sdk := b.assumeRole()
	var gets []*program
	for _, store := range b.stores {
		gets = append(gets, b.get(store))
	}
	file := gets[slices.Index(b.stores, "file")]

	// The file store with a larger config file. The chain is the same, and therefore the session.
	path, size, err := b.manyProfiles(5000)
	if err != nil {
		return err
	}
	many := b.get("file")
	many.name += fmt.Sprintf(", 5,000 profiles (%.1f MB)", float64(size)/1e6)
	many.env = append(slices.Clip(many.env), "AWS_CONFIG_FILE="+path)
	gets = append(gets, many)

	rows := slices.Concat([]*program{hello, lone, sdk}, gets, b.others())
	if err := b.inTurns(rows, b.runs); err != nil {
		return err
	}
	for _, p := range gets {
		if p.calls > 0 {
			return fmt.Errorf("%s: %d STS calls in %d runs, want none", p.name, p.calls, len(p.times))
		}
	}
	b.notes = append(b.notes, fmt.Sprintf(
		"5,000 profiles take %.2f ms longer than %d (goal: at most 3 ms).",
		milliseconds(median(many.times)-median(file.times)), len(profiles())+1))
	b.notes = append(b.notes, "STS responds immediately: add its response time for each STS call.")
	printTable(fmt.Sprintf("With a cached session, medians of %d runs", b.runs), rows,
		[]reference{{"hello world", hello}, {"one go-keyring `Get`", lone}}, b.notes)
	return os.WriteFile(filepath.Join(b.bin, "warm.svg"), []byte(picture(rows)), 0o644)
}

// references returns two minimal programs. The second one reads the same keyring item as get.
func (b *bench) references() (hello, lone *program, err error) {
	key, err := b.cacheKey(profileOf("keyring"))
	return b.program("hello world in Go", "hello"),
		b.program("a Go program with one go-keyring `Get`", "keyringget", "aws-credproc", key), err
}

// assumeRole returns a program that caches nothing.
func (b *bench) assumeRole() *program {
	return b.program("a program with one `AssumeRole` of the AWS SDK", "assumerole", "base", roleARN)
}

// cold measures programs that call STS once. STS responds immediately.
func (b *bench) cold() error {
	sdk := b.assumeRole()
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
			errs = append(errs, fmt.Errorf("%s: %d STS calls in %d runs, want one each",
				p.name, p.calls, len(p.times)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	printTable(fmt.Sprintf("Without a cached session, medians of %d runs", runs), rows,
		[]reference{{"SDK alone", sdk}}, nil)
	return nil
}

// clear returns the program that deletes the session in a store.
func (b *bench) clear(store string) *program {
	return b.credproc("clear", "--store", store, profileOf(store))
}
