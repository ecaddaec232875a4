// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// A library of ours and its tests: every one is declared through this function.
func library(_ name: String, _ dependencies: [Target.Dependency] = [], goldens: Bool = false) -> [Target] {
    [
        .target(name: name, dependencies: dependencies, swiftSettings: strict),
        .testTarget(
            name: name + "Tests",
            dependencies: [.byName(name: name), "PiscesTesting"] + (name == "LinuxSystem" ? [] : ["LinuxSystem"]),
            exclude: goldens ? ["Goldens"] : [],
            swiftSettings: strict),
    ]
}

/// A C library of the system: a module map and a shim header, found by pkg-config.
func systemLibrary(_ name: String, _ pkgConfig: String, _ package: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

/// For programs in C that must run anywhere: a static executable, without the Swift runtime that SwiftPM would link.
let staticC: [LinkerSetting] = [.unsafeFlags(["-static-executable", "-nostartfiles"])]

let package = Package(
    name: "pisces",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "pisces", targets: ["pisces"]),
        .executable(name: "pisces-enter", targets: ["pisces-enter"]),
        .executable(name: "pisces-init", targets: ["pisces-init"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    // Layers, lowest first; a target may only depend on lower ones. Tests/TidyTests holds the sources to it.
    targets: [
        // 0: C
        .target(name: "CLinux"),
        .target(name: "CInit"),
        .target(name: "CXXHash"),
        systemLibrary("CArchive", "libarchive", "libarchive-dev"),
        systemLibrary("CFdisk", "fdisk", "libfdisk-dev"),
        systemLibrary("CBlkid", "blkid", "libblkid-dev"),
        systemLibrary("CYAML", "yaml-0.1", "libyaml-dev"),
        systemLibrary("CCrypto", "libcrypto", "libssl-dev"),
    ]
        // 1: one concern each
        + library("LinuxSystem", ["CLinux", "CCrypto"])
        + library("BlueprintModel", ["CYAML"])
        + library("Debian", ["LinuxSystem"], goldens: true)
        + library("ContentStore", ["CXXHash", "LinuxSystem"])
        + library("Archive", ["CArchive", "LinuxSystem"])
        + library("Disk", ["CFdisk", "CBlkid", "CLinux", "LinuxSystem"], goldens: true)
        + library("Filesystems", ["LinuxSystem"])
        + library("BootArtefacts", ["LinuxSystem"])
        + library("VirtualMachine", ["LinuxSystem"], goldens: true)
        + library("SlotMachine", goldens: true)
        // 2: the constructor, and what proves what it made
        + library("Verifier", ["BlueprintModel", "Disk", "Filesystems", "BootArtefacts", "LinuxSystem"])
        + library(
            "Constructor",
            [
                "BlueprintModel", "Debian", "ContentStore", "Archive", "Disk", "Filesystems", "BootArtefacts",
                "LinuxSystem",
            ], goldens: true
        )
        + library(
            "Copier", ["BlueprintModel", "Debian", "ContentStore", "Archive", "Disk", "Filesystems", "LinuxSystem"]
        )
        + library("Health", ["BlueprintModel", "LinuxSystem"])
        // 3: the controller
        + library(
            "Controller",
            ["SlotMachine", "Verifier", "BlueprintModel", "Disk", "Filesystems", "BootArtefacts", "LinuxSystem"])
        // 5: the commands
        + [
            .executableTarget(
                name: "pisces",
                dependencies: [
                    "Controller", "SlotMachine", "Constructor", "Copier", "Verifier", "Health", "BlueprintModel",
                    "Debian", "ContentStore", "Disk", "VirtualMachine", "LinuxSystem",
                    .product(name: "ArgumentParser", package: "swift-argument-parser"),
                ],
                swiftSettings: strict),
            .executableTarget(name: "pisces-enter", linkerSettings: staticC),
            .executableTarget(name: "pisces-init", dependencies: ["CInit"], linkerSettings: staticC),
        ]
        // Tests
        + [
            .target(
                name: "PiscesTesting", dependencies: ["LinuxSystem"], path: "Tests/PiscesTesting", swiftSettings: strict
            ),
            // What fuzzing and replaying its finds have in common: every parser of foreign bytes.
            .target(
                name: "FuzzTargets",
                dependencies: [
                    "BlueprintModel", "Debian", "Archive", "Disk", "Filesystems", "BootArtefacts", "VirtualMachine",
                    "Constructor", "Copier", "ContentStore", "Verifier", "SlotMachine", "Controller", "Health", "CInit",
                    "CLinux", "LinuxSystem",
                ],
                path: "Tests/FuzzTargets", swiftSettings: strict),
            .testTarget(
                name: "FuzzTests", dependencies: ["FuzzTargets", "LinuxSystem"], exclude: ["Fixtures"],
                swiftSettings: strict),
            .testTarget(
                name: "BootTests",
                dependencies: [
                    "PiscesTesting", "BlueprintModel", "BootArtefacts", "Controller", "Disk", "Filesystems",
                    "VirtualMachine", "LinuxSystem",
                ],
                swiftSettings: strict),
            .testTarget(
                name: "SystemTests",
                dependencies: ["PiscesTesting", "BlueprintModel", "Debian", "Disk", "Filesystems", "LinuxSystem"],
                exclude: ["Goldens"], swiftSettings: strict),
            // Power cuts at every point, and what firmware, boot loader and initrd make of what they leave.
            .testTarget(
                name: "CrashTests",
                dependencies: [
                    "PiscesTesting", "SlotMachine", "Controller", "Disk", "Filesystems", "BootArtefacts", "CInit",
                    "LinuxSystem",
                ], swiftSettings: strict),
            .testTarget(name: "InitTests", dependencies: ["CInit", "LinuxSystem"], swiftSettings: strict),
            .testTarget(name: "TidyTests", dependencies: ["PiscesTesting", "LinuxSystem"], swiftSettings: strict),
        ]
)

// libFuzzer brings its own `main`, so that its program links only with `--sanitize fuzzer`: `.ci/fuzz` builds it.
if Context.environment["PISCES_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["FuzzTargets", "LinuxSystem"], path: "Tests/Fuzz",
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
}
