package main

import (
	"crypto/sha256"
	"fmt"
	"strconv"
)

// width is the number of hashes in a full tile (https://c2sp.org/tlog-tiles).
const width = 256

type hash [sha256.Size]byte

// leafHash and nodeHash are those of RFC 6962 section 2.1.
func leafHash(entry []byte) hash {
	return sha256.Sum256(append([]byte{0}, entry...))
}

func nodeHash(left, right hash) hash {
	joined := make([]byte, 0, 1+2*sha256.Size)
	joined = append(joined, 1)
	joined = append(joined, left[:]...)
	return sha256.Sum256(append(joined, right[:]...))
}

// frontier is a growing tree: the roots of its perfect subtrees, largest first.
type frontier struct {
	size  uint64
	peaks []hash
}

func (f *frontier) add(leaf hash) {
	node := leaf
	for carry := f.size; carry&1 == 1; carry >>= 1 {
		node = nodeHash(f.peaks[len(f.peaks)-1], node)
		f.peaks = f.peaks[:len(f.peaks)-1]
	}
	f.peaks = append(f.peaks, node)
	f.size++
}

func (f *frontier) root() hash {
	if len(f.peaks) == 0 {
		return sha256.Sum256(nil)
	}
	node := f.peaks[len(f.peaks)-1]
	for at := len(f.peaks) - 2; at >= 0; at-- {
		node = nodeHash(f.peaks[at], node)
	}
	return node
}

// included tells whether the leaf stands at index in the tree of this size and root (RFC 9162 section 2.1.3.2).
func included(leaf hash, index, size uint64, path []hash, root hash) bool {
	if index >= size {
		return false
	}
	position, last, node := index, size-1, leaf
	for _, sibling := range path {
		if last == 0 {
			return false
		}
		if position&1 == 1 || position == last {
			node = nodeHash(sibling, node)
			for position&1 == 0 && position != 0 {
				position >>= 1
				last >>= 1
			}
		} else {
			node = nodeHash(node, sibling)
		}
		position >>= 1
		last >>= 1
	}
	return last == 0 && node == root
}

// tilePath is `tile/LEVEL/INDEX[.p/WIDTH]`, the index in groups of three digits.
func tilePath(level string, index uint64, filled int) string {
	name := fmt.Sprintf("%03d", index%1000)
	for index >= 1000 {
		index /= 1000
		name = fmt.Sprintf("x%03d/%s", index%1000, name)
	}
	if filled != width {
		name += ".p/" + strconv.Itoa(filled)
	}
	return "tile/" + level + "/" + name
}

// tileRoot is the hash of a full tile.
func tileRoot(hashes []hash) hash {
	level := append([]hash(nil), hashes...)
	for len(level) > 1 {
		for at := 0; at < len(level)/2; at++ {
			level[at] = nodeHash(level[2*at], level[2*at+1])
		}
		level = level[:len(level)/2]
	}
	return level[0]
}

// hashTiles calls tile(path, bytes) for every hash tile of the tree over these leaves.
func hashTiles(leaves []hash, tile func(string, []byte) error) error {
	for level := 0; len(leaves) > 0; level++ {
		above := make([]hash, 0, len(leaves)/width)
		for start := 0; start < len(leaves); start += width {
			stop := start + width
			if stop > len(leaves) {
				stop = len(leaves)
			}
			data := make([]byte, 0, (stop-start)*sha256.Size)
			for _, each := range leaves[start:stop] {
				data = append(data, each[:]...)
			}
			if err := tile(tilePath(strconv.Itoa(level), uint64(start/width), stop-start), data); err != nil {
				return err
			}
			if stop-start == width {
				above = append(above, tileRoot(leaves[start:stop]))
			}
		}
		leaves = above
	}
	return nil
}
