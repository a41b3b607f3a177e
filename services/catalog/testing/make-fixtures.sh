#!/bin/sh
# Makes the music of the tests: a second of a tone in each format that the catalog imports.
# The files are committed; run this again only to change them. Needs ffmpeg.
set -eu
cd "$(dirname "$0")/fixtures"
make() { # name, frequency, options
  name=$1 frequency=$2
  shift 2
  ffmpeg -v error -y -f lavfi -i "sine=frequency=$frequency:duration=1:sample_rate=22050" -fflags +bitexact -flags:a +bitexact "$@" "$name"
}
ffmpeg -v error -y -f lavfi -i "color=teal:size=16x16" -frames:v 1 -update 1 cover.jpg
ffmpeg -v error -y -f lavfi -i "color=coral:size=16x16" -frames:v 1 -update 1 cover.png
make plain.flac 440 -metadata title="First Light" -metadata artist="The Testers" -metadata album="Tones" \
  -metadata album_artist="The Testers" -metadata track=1/5 -metadata disc=1/1 -metadata date=2021-03-04 -metadata genre="Test Tone"
ffmpeg -v error -y -i plain.flac -i cover.jpg -map 0 -map 1 -c copy -disposition:v attached_pic tone.flac
rm plain.flac
make tone.ogg 494 -c:a libvorbis -metadata title="Second Wind" -metadata artist="The Testers" -metadata album="Tones" -metadata track=2
make tone.opus 523 -c:a libopus -b:a 24k -metadata title="Third Rail" -metadata artist="The Testers" -metadata album="Tones" -metadata track=3
make tone.mp3 587 -b:a 32k -metadata title="Fourth Wall" -metadata artist="The Testers" -metadata album="Tones" -metadata track=4
make tone.m4a 659 -c:a aac -b:a 32k -metadata title="Fifth Column" -metadata artist="The Testers" -metadata album="Tones" -metadata track=5
make untagged.mp3 698 -b:a 32k -map_metadata -1 -id3v2_version 0
ls -l
