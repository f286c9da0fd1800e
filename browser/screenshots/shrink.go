package main

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
)

// maxBytes is how large a picture may be in the repository.
const maxBytes = 200 << 10

// shrink writes a picture with 256 colors: a page has few of them, and the shades between letter and ground are the rest.
func shrink(picture []byte) ([]byte, error) {
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, err
	}
	bounds := img.Bounds()
	small := image.NewPaletted(bounds, frequent(img, 256))
	nearest := map[color.RGBA]uint8{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := at(img, x, y)
			i, known := nearest[c]
			if !known {
				i = uint8(small.Palette.Index(c)) //nolint:gosec // A palette of 256.
				nearest[c] = i
			}
			small.SetColorIndex(x, y, i)
		}
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, small); err != nil {
		return nil, err
	}
	if out.Len() > maxBytes {
		return nil, fmt.Errorf("%d bytes are more than %d", out.Len(), maxBytes)
	}
	return out.Bytes(), nil
}

func at(img image.Image, x, y int) color.RGBA {
	return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA) //nolint:forcetypeassert // That is what the model makes.
}

// frequent are the n most frequent colors, equals in a fixed order. Colors that differ by less than can be seen count as one.
func frequent(img image.Image, n int) color.Palette {
	count := map[color.RGBA]int{}
	bounds := img.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[at(img, x, y)]++
		}
	}
	colors := make([]color.RGBA, 0, len(count))
	for c := range count {
		colors = append(colors, c)
	}
	key := func(c color.RGBA) int { return int(c.R)<<16 | int(c.G)<<8 | int(c.B) }
	slices.SortFunc(colors, func(a, b color.RGBA) int { return cmp.Or(count[b]-count[a], key(a)-key(b)) })
	var palette color.Palette
	taken := map[color.RGBA]bool{}
	for _, c := range colors {
		coarse := color.RGBA{c.R >> 3, c.G >> 3, c.B >> 3, 0}
		if len(palette) < n && !taken[coarse] {
			taken[coarse] = true
			palette = append(palette, c)
		}
	}
	return palette
}
