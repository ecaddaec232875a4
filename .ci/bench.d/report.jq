# Medians, ratios and the table of `make bench`; .ci/bench says what they mean.

# Which of our phases and which steps of the peer do the same work.
def groups: [
    ["unpack and configure", ["unpack packages", "configure packages"], ["mmdebstrap"]],
    ["customise", ["apply blueprint"], ["tidy"]],
    ["root and verity", ["write root"], ["erofs", "verity"]],
    ["initrd, UKI, ESP", ["make boot files"], ["initrd", "uki", "esp"]],
    ["data", ["make data partition"], ["data"]],
    ["table, assembly, read back", ["verify image"], ["table", "assemble", "verify"]],
    ["(variant, not in the total)", [], ["erofs-lz4"]]
];

def fixed($digits): (. * pow(10; $digits) | round | tostring) as $text | ($digits + 1 - ($text | length)) as $short
    | (if $short > 0 then "0" * $short else "" end) + $text | .[:-$digits] + "." + .[-$digits:];
def seconds: if . == null then "" else fixed(3) end;
def ratio($ours; $peer): if $ours == null or $peer == null or $peer == 0 then null else $ours / $peer end;
def marked: if . == null then "" elif . >= 10 then "**\(fixed(2)) ≥ 10**" else fixed(2) end;
def row($cells): "| " + ($cells | join(" | ")) + " |";

def median($who; $step; $key): [$records[] | select(.who == $who and .step == $step) | .[$key] | values] | sort
    | if length == 0 then null else (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 end;
def parts($who): map({step: .} + (. as $step | ["wall", "cpu", "peak"] | map({(.): median($who; $step; .)}) | add));
def named: map("\(.step) \(.wall | seconds)") | join(", ");
def bytes($sizes; $name): $sizes[] | select(.name == $name) | if $name == "disk" then .blocks * 512 else .size end;

[groups[] | {step: .[0], ours: (.[1] | parts("ours")), peer: (.[2] | parts("peer"))}
    | .oursWall = ([.ours[].wall] | add) | .peerWall = ([.peer[].wall] | add)
    | .ratio = ratio(.oursWall; .peerWall)] as $steps
| [$steps[:-1][].peer[]] as $peerParts
| (["total"] | parts("ours")[0]) as $us
| {wall: ([$peerParts[].wall] | add), cpu: ([$peerParts[].cpu] | add), peak: ([$peerParts[].peak] | max)} as $it
| (["decompress", "copy"] | parts("floor")) as $floor
| ([$floor[].wall] | add) as $floorWall
| {conditions: {$version, blueprint: $manifest[0].name, $packages, $runs, $processors, $load},
    ours: $us, peer: $it, $floor, $steps,
    ratios: (["wall", "cpu", "peak"] | map({(.): ratio($us[.]; $it[.])}) | add + {floor: ratio($us.wall; $floorWall)}),
    slow: [$steps[] | select(.ratio != null and .ratio >= 10) | .step],
    sizes: {ours: ($ours + $manifest[0].artefacts), $peer}, $records}
| .table = ([
    "\($version): `construct` beside mmdebstrap and tools: \(.conditions.blueprint), \($packages) packages, "
        + "medians of \($runs) runs, \($processors) processors, load \($load)", "",
    row(["Wall seconds", "ours", "peer", "ours/peer", "our phases", "the peer's steps"]), "|---|--:|--:|--:|---|---|",
    (.steps[] | row([.step, (.oursWall | seconds), (.peerWall | seconds), (.ratio | marked),
        (.ours | named), (.peer | named)])),
    row(["start, lock, store, tear-down", ($us.wall - ([.steps[].oursWall] | add) | seconds), "", "", "", ""]),
    row(["**total**", ($us.wall | seconds), ($it.wall | seconds), (.ratios.wall | marked), "", ""]),
    row(["CPU seconds, user and system", ($us.cpu | seconds), ($it.cpu | seconds), (.ratios.cpu | marked), "", ""]),
    row(["peak RSS of processes, MB", ($us.peak | fixed(1)), ($it.peak | fixed(1)), (.ratios.peak | marked), "", ""]),
    (.sizes as $sizes | "root", "verity", "uki", "disk" | bytes($sizes.ours; .) as $a | bytes($sizes.peer; .) as $b
        | row(["\(.)\(if . == "disk" then ", allocated" else "" end), MB", ($a / 1e6 | fixed(1)), ($b / 1e6 | fixed(1)),
            (ratio($a; $b) | marked), "", ""])),
    "", "Floor: \($floor | named), together \($floorWall | seconds) s without any maintainer script; ours takes "
        + "\(.ratios.floor | fixed(2)) times that.",
    if .slow == [] then "No step takes ten times its peer's."
    else "**Ten times the peer's or more: \(.slow | join("; ")).**" end
] | join("\n"))
