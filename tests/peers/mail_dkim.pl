# Says of each file named on standard input whether Mail::DKIM finds its signatures good; DNS is the file named first.
use strict;
use warnings;
use Mail::DKIM::Verifier;
use Net::DNS::RR;

my %records;
open(my $zone, '<', $ARGV[0]) or die "$ARGV[0]: $!";
while (<$zone>) {
    chomp;
    my ($name, $text) = split(/ /, $_, 2);
    $records{$name} = Net::DNS::RR->new(owner => $name, type => 'TXT', txtdata => [unpack('(A255)*', $text)]);
}

{
    no warnings 'redefine';
    *Mail::DKIM::DNS::query_async = sub {
        my ($name, $type, %more) = @_;
        my $result = $more{Callbacks}{Success}->($records{lc $name} // ());
        return sub { $result };
    };
}

while (my $path = <STDIN>) {
    chomp($path);
    open(my $mail, '<:raw', $path) or die "$path: $!";
    local $/;
    my $verifier = Mail::DKIM::Verifier->new();
    $verifier->PRINT(<$mail>);
    $verifier->CLOSE();
    local $/ = "\n";
    my @each = map { $_->algorithm . '=' . $_->result } $verifier->signatures;
    print join("\t", $path, $verifier->result, @each), "\n";
}
