package main

import (
	"errors"
	"io"
	"os"
)

// console is a console's two halves: what is typed, and what is shown.
type console struct{ in, out *os.File }

func (c console) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c console) Write(b []byte) (int, error) { return c.out.Write(b) }
func (c console) Close() error                { return errors.Join(c.in.Close(), c.out.Close()) }

// controllingTerminal opens the console at which this process was started, for a question.
func controllingTerminal() (io.ReadWriteCloser, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.New("there is no console")
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(errors.New("there is no console"), in.Close())
	}
	return console{in, out}, nil
}
