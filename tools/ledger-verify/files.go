package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// verifyFiles checks the signed list of files: each is there with its bytes, and there is no other. It returns how many.
func verifyFiles(folder string, key verifierKey, statement string) (int, error) {
	list, err := os.ReadFile(filepath.Join(folder, "files.sha256"))
	if err != nil {
		return 0, err
	}
	manifest, err := os.ReadFile(filepath.Join(folder, "manifest"))
	if err != nil {
		return 0, err
	}
	text, err := openNote(manifest, key)
	if err != nil {
		return 0, fmt.Errorf("manifest: %w", err)
	}
	sum := sha256.Sum256(list)
	if text != statement+"\n"+key.name+"\n"+hex.EncodeToString(sum[:])+"\n" {
		return 0, errors.New("files.sha256 is not the list that was signed")
	}
	expected := map[string]string{}
	for _, line := range strings.Split(strings.TrimSuffix(string(list), "\n"), "\n") {
		digest, name, found := strings.Cut(line, "  ")
		if !found {
			return 0, errors.New("files.sha256 is malformed")
		}
		expected[name] = digest
	}
	count := 0
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if name == "files.sha256" || name == "manifest" {
			return nil
		}
		digest, listed := expected[name]
		if !listed || !entry.Type().IsRegular() {
			return fmt.Errorf("%s does not belong here", name)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != digest {
			return fmt.Errorf("%s is not the file that was written", name)
		}
		count++
		return nil
	})
	if err != nil {
		return 0, err
	}
	if count != len(expected) {
		return 0, fmt.Errorf("%d files are missing", len(expected)-count)
	}
	return count, nil
}
