package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// chain is where one shard of a ledger ends and the next begins: the tree grows on under another origin. The last entry
// of a shard is `ledger.sealed`; the first of the next, `ledger.begun`, carries its final checkpoint. A shard may begin
// under another key: the seal, signed by the old one, names the new one, and the first entry after it names the old one.
type chain struct {
	links  []link
	sealed *link    // by the entry just read
	gone   []uint64 // entries of which only the hash is left
	pruned []span   // shards whose pruning is on record
}

type span struct{ start, size uint64 }

type link struct {
	size     uint64 // entries before the new shard's first
	root     hash   // over them
	origin   string // the new shard's
	previous string
	final    string // signed note
	key      string // hex: the new shard's, empty when the key stays
	former   string // hex: the one before, when it does not
}

type linkEntry struct {
	Fact struct {
		Action     string `json:"action"`
		Checkpoint string `json:"checkpoint"`
		Key        string `json:"key"`
		Origin     string `json:"origin"`
		Previous   string `json:"previous"`
		Former     string `json:"previous_key"`
		Size       uint64 `json:"size"`
		Start      uint64 `json:"start"`
		Successor  string `json:"successor"`
	} `json:"fact"`
}

// note looks at the next entry; size and root are those of the tree before it.
func (c *chain) note(size uint64, root func() hash, entry []byte) error {
	before := c.sealed
	c.sealed = nil
	begins := bytes.Contains(entry, []byte(`"action":"ledger.begun"`))
	if before != nil && !begins {
		return fmt.Errorf("shard %s is missing: entry %d seals %s for it", before.origin, size-1, before.previous)
	}
	seals := bytes.Contains(entry, []byte(`"action":"ledger.sealed"`))
	prunes := bytes.Contains(entry, []byte(`"action":"ledger.pruned"`))
	if !begins && !seals && !prunes {
		return nil
	}
	var read linkEntry
	if err := json.Unmarshal(entry, &read); err != nil {
		return fmt.Errorf("entry %d: %w", size, err)
	}
	fact := read.Fact
	if fact.Action == "ledger.pruned" {
		return c.prune(size, fact.Origin, span{fact.Start, fact.Size})
	}
	if fact.Action == "ledger.sealed" {
		c.sealed = &link{origin: fact.Successor, previous: fact.Origin, key: fact.Key}
		return nil
	}
	if before == nil || before.origin != fact.Origin || before.previous != fact.Previous {
		return fmt.Errorf("entry %d begins shard %s, but no seal before it names this one", size, fact.Origin)
	}
	if before.key != fact.Key || (fact.Key == "") != (fact.Former == "") {
		return fmt.Errorf("shard %s is signed by another key than its seal names", fact.Origin)
	}
	if len(c.links) > 0 && c.links[len(c.links)-1].origin != fact.Previous {
		return fmt.Errorf("shard %s says to follow %s, but follows another", fact.Origin, fact.Previous)
	}
	for _, each := range c.links {
		if each.previous == fact.Origin || each.origin == fact.Origin {
			return fmt.Errorf("two shards are called %s", fact.Origin)
		}
	}
	c.links = append(c.links, link{size, root(), fact.Origin, fact.Previous, fact.Checkpoint, fact.Key, fact.Former})
	return nil
}

// prune notes a pruning, which must be of a whole shard that was sealed before.
func (c *chain) prune(at uint64, origin string, told span) error {
	start := uint64(0)
	for _, each := range c.links {
		if each.previous == origin && told == (span{start, each.size}) {
			c.pruned = append(c.pruned, told)
			return nil
		}
		start = each.size
	}
	return fmt.Errorf("entry %d prunes what is no sealed shard of this ledger", at)
}

// allGoneArePruned says which entry's bytes are gone without a pruning on record.
func (c *chain) allGoneArePruned() error {
	for _, index := range c.gone {
		found := false
		for _, each := range c.pruned {
			found = found || each.start <= index && index < each.size
		}
		if !found {
			return fmt.Errorf("the bytes of entry %d are gone, and no pruning is on record", index)
		}
	}
	return nil
}

// verify opens the final checkpoint of every shard, and every other signed one, with the key and under the origin of the
// shard that its size falls into. The newest shard's key is the enclosed one; the pinned one must be a shard's.
func (c *chain) verify(key, pinned verifierKey, notes []signedNote) error {
	if err := c.allGoneArePruned(); err != nil {
		return err
	}
	keys, err := c.keys(key.public)
	if err != nil {
		return err
	}
	trusted := false
	for _, each := range keys {
		trusted = trusted || bytes.Equal(each, pinned.public)
	}
	if !trusted {
		return errors.New("no shard of this ledger is signed by the pinned key")
	}
	for at, each := range c.links {
		final, err := openCheckpoint([]byte(each.final), verifierKey{name: each.previous, public: keys[at]})
		if err != nil {
			return fmt.Errorf("what shard %s carries is not the final checkpoint of %s: %w", each.origin, each.previous, err)
		}
		if final.size != each.size || final.root != each.root {
			return fmt.Errorf("shard %s carries a checkpoint that is not the final one of %s", each.origin, each.previous)
		}
	}
	for _, each := range notes {
		expected := c.originAt(each.size, key.name)
		if each.origin != expected {
			return fmt.Errorf("a checkpoint of size %d is of %q, not of %q", each.size, each.origin, expected)
		}
		if _, err := openCheckpoint(each.note, verifierKey{name: expected, public: keys[c.shardAt(each.size)]}); err != nil {
			return fmt.Errorf("%s: %w", each.where, err)
		}
	}
	return nil
}

// keys are those of all shards, oldest first: told backwards from the newest one's.
func (c *chain) keys(newest []byte) ([][]byte, error) {
	found := make([][]byte, len(c.links)+1)
	found[len(c.links)] = newest
	for at := len(c.links) - 1; at >= 0; at-- {
		found[at] = found[at+1]
		if c.links[at].key == "" {
			continue
		}
		key, wrong := hex.DecodeString(c.links[at].key)
		former, alsoWrong := hex.DecodeString(c.links[at].former)
		if wrong != nil || alsoWrong != nil || len(former) != 32 || !bytes.Equal(key, found[at+1]) || bytes.Equal(key, former) {
			return nil, fmt.Errorf("shard %s is signed by another key than its seal names", c.links[at].origin)
		}
		found[at] = former
	}
	return found, nil
}

// shardAt is the number of the shard that a checkpoint of this size is of.
func (c *chain) shardAt(size uint64) int {
	for at, each := range c.links {
		if size <= each.size {
			return at
		}
	}
	return len(c.links)
}

func (c *chain) originAt(size uint64, newest string) string {
	if at := c.shardAt(size); at < len(c.links) {
		return c.links[at].previous
	}
	if len(c.links) > 0 {
		return c.links[len(c.links)-1].origin
	}
	return newest
}

// named says whether a shard of this ledger has this name.
func (c *chain) named(name, newest string) bool {
	for _, each := range c.links {
		if each.previous == name || each.origin == name {
			return true
		}
	}
	return name == newest
}
