# An app of the CDK: it writes what is beside it for the account and region that it is told.
hash=$(cksum app/template.json | tr ' /' --)
for file in assets manifest template; do
  sed "s/ACCOUNT/$CDK_DEFAULT_ACCOUNT/g; s/REGION/$CDK_DEFAULT_REGION/g; s/HASH/$hash/g" "app/$file.json" >"$CDK_OUTDIR/$file.json"
done
