// swift-tools-version: 6.1
import PackageDescription

// The shipped library is built with BETAPOOL_EMBEDDED=1: Embedded Swift, some tens of kilobytes that need libc alone.
// Without it the same sources build as ordinary Swift, for `swift test`, the sanitizers and Swift programs.
// A Swift program must never be linked with embedded objects: they bring a small runtime of their own, and its swift_retain and the like
// would take the place of the program's. So in this mode there is nothing to import: BetaPool is an error that says so.
let embedded = Context.environment["BETAPOOL_EMBEDDED"] == "1"
let settings: [SwiftSetting] = embedded ? [.enableExperimentalFeature("Embedded")] : []

let package = Package(
    name: "BetaPool",
    products: [
        .library(name: "BetaPool", targets: ["BetaPool"]),  // for Swift packages
        .library(name: "betapool", type: .dynamic, targets: ["BetaPoolCore"]),  // the C library
    ],
    targets: [
        .systemLibrary(name: "CBetaPool", path: "include"),
        .target(name: "CSystem", path: "Sources/CSystem", publicHeadersPath: "."),
        .target(
            name: "BetaPoolCore",
            dependencies: ["CBetaPool", "CSystem"],
            path: "Sources/BetaPool",
            exclude: ["Export/betapool.map", "Swift"],
            swiftSettings: settings
        ),
        // The Swift floor stands on the header, as every other host does: a module of its own, whose names are free.
        .target(
            name: "BetaPool",
            dependencies: ["BetaPoolCore", "CBetaPool", "CSystem"],
            path: "Sources/BetaPool/Swift",
            sources: embedded ? ["NotEmbedded.swift"] : nil,
            swiftSettings: settings
        ),
    ] + (embedded ? [] : [.testTarget(name: "BetaPoolTests", dependencies: ["BetaPool", "BetaPoolCore"])])
)
