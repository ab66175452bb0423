// Package ospath has those functions of path/filepath and os/exec that credproc/warm and the
// packages below it need. On Unix it imports neither: Go initializes packages in the order of their
// import paths, so after them come those of github.com/aws, which credproc/warm is to precede. See
// docs/decisions/warm-path.md.
package ospath
