package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxNote       = 1000000
	maxSignatures = 100
	ed25519Type   = 0x01
)

// verifierKey is an Ed25519 key with the name it signs under (https://c2sp.org/signed-note); name is empty when only the
// bare key is known, and then taken from the note.
type verifierKey struct {
	name   string
	public []byte
}

// checkpoint is a ledger's size and root (https://c2sp.org/tlog-checkpoint).
type checkpoint struct {
	origin string
	size   uint64
	root   hash
}

func (k verifierKey) id(name string) []byte {
	sum := sha256.Sum256(append(append([]byte(name+"\n"), ed25519Type), k.public...))
	return sum[:4]
}

// parseKey reads `name+hash+base64(type || key)`.
func parseKey(line string) (verifierKey, error) {
	name, rest, found := strings.Cut(line, "+")
	id, encoded, foundToo := strings.Cut(rest, "+")
	raw, err := strictBase64(encoded)
	if !found || !foundToo || err != nil || len(raw) != 33 || raw[0] != ed25519Type || !goodName(name) {
		return verifierKey{}, errors.New("this is not an Ed25519 verifier key (name+hash+base64)")
	}
	key := verifierKey{name: name, public: raw[1:]}
	if id != hex.EncodeToString(key.id(name)) {
		return verifierKey{}, errors.New("the verifier key's hash does not belong to its name and key")
	}
	return key, nil
}

// openNote returns the text of a note that the key signed.
func openNote(note []byte, key verifierKey) (string, error) {
	if len(note) > maxNote || !utf8.Valid(note) {
		return "", errors.New("the signed note is too long or not UTF-8")
	}
	for _, each := range note {
		if each < 0x20 && each != '\n' {
			return "", errors.New("the signed note holds control characters")
		}
	}
	at := bytes.LastIndex(note, []byte("\n\n"))
	if at < 0 || at+2 >= len(note) || note[len(note)-1] != '\n' {
		return "", errors.New("the signed note has no signatures")
	}
	text, signed := string(note[:at+1]), string(note[at+2:len(note)-1])
	lines := strings.Split(signed, "\n")
	if len(lines) > maxSignatures {
		return "", errors.New("the signed note has too many signatures")
	}
	name := key.name
	if name == "" {
		name = strings.SplitN(text, "\n", 2)[0]
	}
	ours, accepted := key.id(name), false
	for _, line := range lines {
		rest := strings.TrimPrefix(line, "\u2014 ")
		signer, encoded, found := strings.Cut(rest, " ")
		raw, err := strictBase64(encoded)
		if rest == line || !found || err != nil || len(raw) < 5 || !goodName(signer) {
			return "", errors.New("a signature line is malformed")
		}
		if signer != name || !bytes.Equal(raw[:4], ours) {
			continue
		}
		if len(raw) != 4+ed25519.SignatureSize || !ed25519.Verify(key.public, []byte(text), raw[4:]) {
			return "", errors.New("the signature does not fit: the text was changed after signing")
		}
		accepted = true
	}
	if !accepted {
		return "", errors.New("it is not signed by the pinned key")
	}
	return text, nil
}

// openCheckpoint returns the checkpoint in a note that the key signed for its own name as origin.
func openCheckpoint(note []byte, key verifierKey) (checkpoint, error) {
	text, err := openNote(note, key)
	if err != nil {
		return checkpoint{}, err
	}
	found, err := parseCheckpoint(text)
	if err == nil && key.name != "" && found.origin != key.name {
		return checkpoint{}, fmt.Errorf("the checkpoint is of %q, the key of %q", found.origin, key.name)
	}
	return found, err
}

// readCheckpoint returns the checkpoint in a note, of which no signature was looked at.
func readCheckpoint(note []byte) (checkpoint, error) {
	at := bytes.LastIndex(note, []byte("\n\n"))
	if at < 0 {
		return checkpoint{}, errors.New("the signed note has no signatures")
	}
	return parseCheckpoint(string(note[:at+1]))
}

func parseCheckpoint(text string) (checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return checkpoint{}, errors.New("the note is no checkpoint")
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return checkpoint{}, errors.New("the checkpoint's size is malformed")
	}
	root, err := strictBase64(lines[2])
	if err != nil || len(root) != sha256.Size {
		return checkpoint{}, errors.New("the checkpoint's root is malformed")
	}
	found := checkpoint{origin: lines[0], size: size}
	copy(found.root[:], root)
	return found, nil
}

// strictBase64 refuses every spelling but the one that encoding gives.
func strictBase64(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, err
	}
	if base64.StdEncoding.EncodeToString(raw) != text {
		return nil, errors.New("base64 in another spelling")
	}
	return raw, nil
}

func goodName(name string) bool {
	return name != "" && len(strings.Fields(name)) == 1 && strings.Fields(name)[0] == name && !strings.Contains(name, "+")
}
