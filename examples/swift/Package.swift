// swift-tools-version: 6.1
import PackageDescription

// A program elsewhere says .package(url: "…", from: "1.0.0").
let package = Package(
    name: "duplicates",
    dependencies: [.package(name: "BetaPool", path: "../..")],
    targets: [.executableTarget(name: "duplicates", dependencies: [.product(name: "BetaPool", package: "BetaPool")])]
)
