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
def mark: if . == null then "" else fixed(2) end;
def row($cells): "| " + ($cells | join(" | ")) + " |";

def median($who; $step; $key): [$records[] | select(.who == $who and .step == $step) | .[$key] | values] | sort
    | if length == 0 then null else (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 end;
def parts($who): map({step: .} + (. as $step | ["wall", "cpu", "peak"] | map({(.): median($who; $step; .)}) | add));
def named: map("\(.step) \(.wall | seconds)") | join(", ");
def bytes($sizes; $name): $sizes[] | select(.name == $name) | if $name == "disk" then .blocks * 512 else .size end;

# What is compared, with the targets: the most that each ratio or figure may be.
def ways: {
    a: "a: fastest shell pipeline", b: "b: usual one, initramfs-tools", c: "c: mkosi",
    p1: "p1: ours, from .debs", p2: "p2: ours, .debs decompressed", p3: "p3: ours, one file changed",
    p4: "p4: ours, nothing changed"
};
def targets: {
    p1: {a: 0.5, b: 0.35}, p2: {a: 0.25}, p3: {a: 0.08}, p4: {seconds: 1}
};
def met($value; $most; $text): if $value == null then empty
    else "\($text): \(if $value <= $most then "met" else "**missed**" end)" end;

# Wall and CPU seconds, peak MB, and allocated MB of the disk. A peer is the sum of its steps, without the variant.
def way($who): (["total"] | parts($who)[0]) as $whole
    | (if $whole.wall != null then $whole else
        [$records[] | select(.who == $who and .step != "erofs-lz4") | .step] | unique | parts($who)
        | {wall: ([.[].wall] | add), cpu: ([.[].cpu] | add), peak: ([.[].peak] | max)} end)
    | {who: $who, wall, cpu, peak, disk: ([$disks[] | select(.name == $who) | .blocks * 512 / 1e6] | first)};
def verdicts($all): . as $it | [(targets[$it.who] // {}) | to_entries[]
    | if .key == "seconds" then met($it.wall; .value; "≤ \(.value) s")
      else met(ratio($it.wall; $all[.key].wall); .value; "≤ \(.value) \(.key)") end]
    + (if $it.who[:1] == "p" then [met($it.peak; 512 * 1048576 / 1e6; "≤ 512 MiB")] else [] end) | join(", ");

[groups[] | {step: .[0], ours: (.[1] | parts("p1")), peer: (.[2] | parts("a"))}
    | .oursWall = ([.ours[].wall] | add) | .peerWall = ([.peer[].wall] | add)
    | .ratio = ratio(.oursWall; .peerWall)] as $steps
| (ways | keys_unsorted | map(way(.) | select(.wall != null))) as $ways
| (reduce $ways[] as $way ({}; .[$way.who] = $way)) as $all
| (["decompress", "copy", "scripts"] | parts("floor")) as $floor
| ([$floor[].wall] | add) as $floorWall
| {conditions: {$version, blueprint: $manifest[0].name, $packages, $runs, $processors, $load},
    ways: $ways, $floor, $steps,
    slow: [$steps[] | select(.ratio != null and .ratio >= 10) | .step],
    sizes: {ours: ($ours + $manifest[0].artefacts), $peer}, $records}
| .table = ([
    "\($version): `construct` beside its peers: \(.conditions.blueprint), \($packages) packages, medians of \($runs) "
        + "runs, \($processors) processors, load \($load)", "",
    row(["", "wall s", "CPU s", "peak MB", "disk MB",
        "wall ÷ a", "÷ b", "÷ c", "CPU ÷ a", "÷ b", "÷ c", "peak ÷ a", "÷ b", "÷ c", "targets"]),
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|",
    ($ways[] | . as $it | row([ways[.who], (.wall, .cpu | fixed(2)), (.peak, .disk | fixed(1)),
        (("wall", "cpu", "peak") as $key | "a", "b", "c" | ratio($it[$key]; $all[.][$key]) | mark),
        verdicts($all)])),
    (if $no_mkosi == "" then empty else "", "c is not here: \($no_mkosi)." end),
    "", row(["Wall seconds", "p1", "a", "p1 ÷ a", "our phases", "steps of a"]), "|---|--:|--:|--:|---|---|",
    ($steps[] | row([.step, (.oursWall | seconds), (.peerWall | seconds), (.ratio | marked),
        (.ours | named), (.peer | named)])),
    row(["start, lock, store, tear-down", ($all.p1.wall - ([$steps[].oursWall] | add) | seconds), "", "", "", ""]),
    (.sizes as $sizes | "root", "verity", "uki", "disk" | bytes($sizes.ours; .) as $a | bytes($sizes.peer; .) as $b
        | row(["\(.)\(if . == "disk" then ", allocated" else "" end), MB", ($a / 1e6 | fixed(1)), ($b / 1e6 | fixed(1)),
            (ratio($a; $b) | marked), "", ""])),
    "", "Floor: \($floor | named), together \($floorWall | seconds) s; p1 takes "
        + "\(ratio($all.p1.wall; $floorWall) | fixed(2)) times that, \($all.p1.wall - $floorWall | fixed(2)) s more. "
        + "Without scripts the floor is \($floor[:2] | map(.wall) | add | seconds) s. Our own scripts' step takes "
        + "\($steps[0].ours | map(select(.step == "configure packages") | .wall | seconds) | first) s.",
    if .slow == [] then "No step takes ten times its peer's."
    else "**Ten times the peer's or more: \(.slow | join("; ")).**" end
] | join("\n"))
