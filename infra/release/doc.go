// Package release makes what a team deploys that has no CDK app in Go: a CloudFormation
// template with parameters, the functions' deployment packages, and what tells what is in
// them. make release runs it.
//
//	streamer.template.json   the stack
//	functions/*.zip          the functions' deployment packages
//	sbom.cdx.json            what the packages are made of (CycloneDX)
//	SHA256SUMS               checksums of all of that
//	README.md                how to deploy it
//
// # Design
//
// The template is the constructs', synthesized: whatever they come to have, it has too, and
// nothing is said twice. What a value of the CDK's cannot be, a parameter, is put in its
// place afterwards. Needing no bootstrap, it names the packages by a bucket and a prefix.
//
// Equal sources give equal bytes, wherever they lie and whenever they are built: there is no
// time in any file, and no path.
package release
