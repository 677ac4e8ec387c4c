package postroad

// Where a cursor is kept over restarts.

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// CursorStore keeps a stream's cursor over restarts. A stream calls it from one goroutine at a time.
type CursorStore interface {
	// Load gives the cursor kept; empty if there is none yet.
	Load(ctx context.Context) (string, error)
	// Save keeps a cursor instead of the one before. After a crash either of them is there.
	Save(ctx context.Context, cursor string) error
}

// MemoryCursorStore keeps a cursor as long as the program runs. Its zero value is empty and ready;
// it may be used from any goroutine.
type MemoryCursorStore struct {
	mu     sync.Mutex
	cursor string
}

// Load never fails.
func (m *MemoryCursorStore) Load(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor, nil
}

// Save never fails.
func (m *MemoryCursorStore) Save(_ context.Context, cursor string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cursor = cursor
	return nil
}

// FileCursorStore keeps a cursor in a file (0644), which each Save replaces whole and syncs.
func FileCursorStore(path string) CursorStore { return fileCursorStore(path) }

type fileCursorStore string

func (path fileCursorStore) Load(context.Context) (string, error) {
	b, err := os.ReadFile(string(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimRight(string(b), "\n"), err
}

func (path fileCursorStore) Save(_ context.Context, cursor string) error {
	name := string(path)
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.new")
	if err != nil {
		return err
	}
	_, err = file.WriteString(cursor + "\n")
	if err == nil {
		err = file.Chmod(0o644)
	}
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
