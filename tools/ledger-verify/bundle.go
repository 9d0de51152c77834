package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
)

const bundleStatement = "bedrail audit bundle v1"

// verifyBundle checks a whole ledger: the signature, the root over all entries, every tile, every earlier checkpoint,
// and that no file was changed, added or taken away.
func verifyBundle(folder string, pinned verifierKey) (string, error) {
	key, err := enclosedKey(folder)
	if err != nil {
		return "", err
	}
	note, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return "", err
	}
	signed, err := openCheckpoint(note, key)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	earlier, err := earlierCheckpoints(folder)
	if err != nil {
		return "", err
	}
	var shards chain
	leaves, err := readEntries(folder, signed, earlier, &shards)
	if err != nil {
		return "", err
	}
	if err := shards.verify(key, pinned, append(earlier, signedNote{signed, note, "checkpoint"})); err != nil {
		return "", err
	}
	if pinned.name != "" && !shards.named(pinned.name, signed.origin) {
		return "", fmt.Errorf("the pinned key is of %q, which is no shard of this ledger", pinned.name)
	}
	tiles := 0
	err = hashTiles(leaves, func(path string, expected []byte) error {
		tiles++
		found, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			return err
		}
		if !bytes.Equal(found, expected) {
			return fmt.Errorf("%s is not the tile that the entries give", path)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	files, err := verifyFiles(folder, key, bundleStatement)
	if err != nil {
		return "", err
	}
	told := "%s, %d entries, root %x; %d tiles, %d earlier checkpoints, %d files."
	return fmt.Sprintf(told, signed.origin, signed.size, signed.root, tiles, len(earlier), files), nil
}

// enclosedKey is the bundle's own key line: key and name of the newest shard. Whether the pinned key vouches for it, the
// chain of shards says.
func enclosedKey(folder string) (verifierKey, error) {
	data, err := os.ReadFile(filepath.Join(folder, "key.vkey"))
	if err != nil {
		return verifierKey{}, err
	}
	key, err := parseKey(string(bytes.TrimSuffix(data, []byte("\n"))))
	if err != nil {
		return verifierKey{}, fmt.Errorf("key.vkey: %w", err)
	}
	return key, nil
}

// signedNote is a checkpoint that was read but not verified yet, the note it stands in, and where that was found.
type signedNote struct {
	checkpoint
	note  []byte
	where string
}

// earlierCheckpoints are those in checkpoints/ and cosigned/, by size and named by it. Nothing is verified yet: under which
// origin and by which key each must be signed, the chain of shards says.
func earlierCheckpoints(folder string) ([]signedNote, error) {
	var found []signedNote
	for _, part := range []string{"checkpoints", "cosigned"} {
		names, err := os.ReadDir(filepath.Join(folder, part))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			note, err := os.ReadFile(filepath.Join(folder, part, name.Name()))
			if err != nil {
				return nil, err
			}
			where := part + "/" + name.Name()
			each, err := readCheckpoint(note)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
			if strconv.FormatUint(each.size, 10) != name.Name() {
				return nil, fmt.Errorf("%s was signed for size %d", where, each.size)
			}
			found = append(found, signedNote{each, note, where})
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].size < found[j].size })
	return found, nil
}

// readEntries hashes every entry, compares the root at each signed size on the way, and notes where shards begin.
func readEntries(folder string, signed checkpoint, earlier []signedNote, shards *chain) ([]hash, error) {
	var leaves []hash
	var tree frontier
	var wanted []checkpoint
	for _, each := range earlier {
		wanted = append(wanted, each.checkpoint)
	}
	wanted = append(wanted, signed)
	for len(wanted) > 0 && wanted[0].size == 0 {
		if wanted[0].root != tree.root() {
			return nil, errors.New("a checkpoint of the empty ledger has another root")
		}
		wanted = wanted[1:]
	}
	for start := uint64(0); start < signed.size; start += width {
		filled := width
		if signed.size-start < width {
			filled = int(signed.size - start)
		}
		path := tilePath("entries", start/width, filled)
		entries, err := unpack(filepath.Join(folder, path))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(entries) != filled {
			return nil, fmt.Errorf("%s holds %d entries, not %d", path, len(entries), filled)
		}
		for at, entry := range entries {
			if err := shards.note(tree.size, tree.root, entry); err != nil {
				return nil, err
			}
			leaf := leafHash(entry)
			if len(entry) == 0 { // pruned: the tile's hash stands for it, and must lead to the same signed roots
				if leaf, err = tileHash(folder, start/width, filled, at); err != nil {
					return nil, err
				}
				shards.gone = append(shards.gone, tree.size)
			}
			leaves = append(leaves, leaf)
			tree.add(leaf)
			for len(wanted) > 0 && wanted[0].size == tree.size {
				if wanted[0].root != tree.root() {
					return nil, fmt.Errorf("the entries do not lead to the root that was signed for size %d", tree.size)
				}
				wanted = wanted[1:]
			}
		}
	}
	if len(wanted) > 0 {
		return nil, fmt.Errorf("a checkpoint of size %d goes beyond the ledger's %d entries", wanted[0].size, signed.size)
	}
	return leaves, nil
}

// tileHash is one leaf hash of a tile of level 0.
func tileHash(folder string, index uint64, filled, at int) (hash, error) {
	var leaf hash
	path := tilePath("0", index, filled)
	data, err := os.ReadFile(filepath.Join(folder, path))
	if err != nil {
		return leaf, err
	}
	if len(data) != filled*len(leaf) {
		return leaf, fmt.Errorf("%s does not hold %d hashes", path, filled)
	}
	copy(leaf[:], data[at*len(leaf):])
	return leaf, nil
}

// unpack reads an entry bundle: each entry behind its length as two big-endian bytes.
func unpack(path string) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, errors.New("it is cut short")
		}
		stop := 2 + int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:stop])
		data = data[stop:]
	}
	return entries, nil
}
