package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const packStatement = "bedrail evidence pack v1"

// entryProof is a C2SP tlog-proof; entry is its extra data.
type entryProof struct {
	index uint64
	path  []hash
	note  []byte
	entry []byte
}

// parseProof reads a .tlog-proof file (https://c2sp.org/tlog-proof), strictly.
func parseProof(data []byte) (entryProof, error) {
	malformed := errors.New("the proof file is malformed")
	at := bytes.Index(data, []byte("\n\n"))
	if at < 0 {
		return entryProof{}, malformed
	}
	lines, proof := strings.Split(string(data[:at]), "\n"), entryProof{note: data[at+2:]}
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		return entryProof{}, malformed
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		entry, err := strictBase64(strings.TrimPrefix(lines[0], "extra "))
		if err != nil || len(entry) == 0 {
			return entryProof{}, malformed
		}
		proof.entry, lines = entry, lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") || len(lines) > 64 {
		return entryProof{}, malformed
	}
	digits := strings.TrimPrefix(lines[0], "index ")
	index, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || strconv.FormatUint(index, 10) != digits {
		return entryProof{}, malformed
	}
	proof.index = index
	for _, line := range lines[1:] {
		raw, err := strictBase64(line)
		var step hash
		if err != nil || len(raw) != len(step) {
			return entryProof{}, malformed
		}
		copy(step[:], raw)
		proof.path = append(proof.path, step)
	}
	return proof, nil
}

func (p entryProof) verify(key verifierKey) (checkpoint, error) {
	if len(p.entry) == 0 {
		return checkpoint{}, errors.New("the proof holds no entry")
	}
	signed, err := openCheckpoint(p.note, key)
	if err != nil {
		return checkpoint{}, err
	}
	if !included(leafHash(p.entry), p.index, signed.size, p.path, signed.root) {
		return checkpoint{}, errors.New("the entry is not in the signed tree")
	}
	return signed, nil
}

// verifyProof checks one proof file, and shows the proven entry.
func verifyProof(file string, key verifierKey) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	proof, err := parseProof(data)
	if err != nil {
		return "", err
	}
	signed, err := proof.verify(key)
	if err != nil {
		return "", err
	}
	told := "entry %d of %d in %s, root %x:\n%s"
	return fmt.Sprintf(told, proof.index, signed.size, signed.origin, signed.root, proof.entry), nil
}

// verifyPack checks every entry of an evidence pack against its one checkpoint, and every file.
func verifyPack(folder string, key verifierKey) (string, error) {
	pinned := key
	key, err := enclosedKey(folder)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(key.public, pinned.public) {
		return "", errors.New("the enclosed key is not the pinned one")
	}
	if pinned.name != "" && pinned.name != key.name {
		return "", errors.New("the enclosed key is not the pinned one")
	}
	files, err := verifyFiles(folder, key, packStatement)
	if err != nil {
		return "", err
	}
	note, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(filepath.Join(folder, "entries"))
	if err != nil {
		return "", err
	}
	proofs, err := os.ReadDir(filepath.Join(folder, "proofs"))
	if err != nil {
		return "", err
	}
	if len(proofs) != len(entries) || len(entries) == 0 {
		return "", errors.New("there must be one proof for each entry")
	}
	var signed checkpoint
	for _, name := range entries {
		index := strings.TrimSuffix(name.Name(), ".json")
		data, err := os.ReadFile(filepath.Join(folder, "proofs", index+".tlog-proof"))
		if err != nil {
			return "", err
		}
		proof, err := parseProof(data)
		if err != nil {
			return "", fmt.Errorf("proof %s: %w", index, err)
		}
		entry, err := os.ReadFile(filepath.Join(folder, "entries", name.Name()))
		if err != nil {
			return "", err
		}
		if strconv.FormatUint(proof.index, 10) != index || !bytes.Equal(entry, proof.entry) || !bytes.Equal(note, proof.note) {
			return "", fmt.Errorf("proof %s belongs to something else", index)
		}
		if signed, err = proof.verify(key); err != nil {
			return "", fmt.Errorf("entry %s: %w", index, err)
		}
	}
	told := "%d entries of %s under size %d, root %x; %d files."
	return fmt.Sprintf(told, len(entries), signed.origin, signed.size, signed.root, files), nil
}
