"""What receivers write when they turn a mail away, by reason: the first rule that fits decides.

Phrases are separated by `|`, in lower case, matched from the start of a word, with `…` for up to 80 characters of
anything and `~` for one word. What they are matched against is `STATUS text`, with addresses reduced to `@` and links
to their host. To teach a phrase, put it under its reason, and the mail it came with into the corpus of the tests.

`RULES` are tried first, then what the detail of the status says, then `GENERAL`, whose words are vague.
The order is what makes `hard` right: what the receiver says about the sender, the mail or the moment comes first;
that there is no such person counts only where none of it was said.
"""

from webhooks.events import Reason

RULES: tuple[tuple[Reason, str], ...] = (
    (
        Reason.VIRUS,
        """
        malware | infected | phishing url | trojan | wirus | virus |
        вирус | 病毒 | ウイルス
        """,
    ),
    (
        Reason.SUPPRESSED,
        """
        suppression list | suppressed address | bounced address | suppressed recipient | has been suppressed |
        address was suppressed | address suppressed | due to blacklist user
        """,
    ),
    (
        Reason.AUTHENTICATION,
        """
        dmarc | dkim | spf | sender policy framework | unauthenticated email | unauthenticated mail |
        unauthenticated sender | authentication checks | authentication requirements | sender authentication |
        message is unauthenticated | not pass authentication | doesn't pass authentication | failed authentication |
        arc validation | reverse dns | reverse lookup | reverse hostname | ptr record | no ptr |
        cannot find your hostname | fix reverse | helo command rejected | helo host | helo name | helo domain |
        helo/ehlo | ehlo name | mx record of |
        or password | invalid helo | ehlo … rejected |
        must issue a starttls | starttls is required | encryption required | encryption needed
        """,
    ),
    (
        Reason.REPUTATION,
        """
        ip reputation | poor reputation | low reputation | bad reputation | [tss
        """,
    ),
    (
        Reason.GREYLISTED,
        """
        greylist | graylist | grey-list | gray-list | grey list | gray list | postgrey | triplet | first time sender |
        unfamiliar sender | graulist | liste grise | lista gris |
        灰名单 | グレイリスト | серый список | серые списки
        """,
    ),
    (
        Reason.MAILBOX_FULL,
        """
        5.2.2 | full mailbox | inbox is full | inbox full | account is full | mailbox has exceeded |
        mailbox exceeded | mailbox exceeds | mailbox size limit exceeded | mailbox size exceeded | mailbox storage |
        mailbox would exceed | mailbox … over | over quota | overquota | over the quota | over its quota |
        over the allowed quota | over his quota | quota exceed | exceed … quota | quota full | quota violation |
        quota usage | disk quota | disc quota | out of storage | exceeded storage | exceeds allowed storage |
        exceeded its storage | maximum allowed storage | not enough storage | insufficient storage |
        insufficient mailbox | not enough space | space not enough | no space left for this user |
        enough disk space for this user | mailfolder is full | space has been used up | storage limit |
        too many messages on the server |
        too much mail data | maildir over | out of disk space for | speicherkontingent | boite … pleine |
        buzon … lleno | bandeja de entrada … llena | cuota excedida | excedido … cuota | superado … cuota |
        caixa postal … cheia | caixa de correio … cheia | caixa cheia | cota excedida | cota de armazenamento |
        mailbox … lleno | casilla … llena | espacio … agotado |
        spazio esaurito | przekroczon … limit | mailbox vol | postbus … vol | postvak … vol | posteingang … voll |
        mailbox … full | quota … exceeded | postfach … voll | casella … piena |
        speicherplatz … überschritten | speicherplatz … erschöpft | boîte … pleine | boîte … saturée |
        quota de la boîte | espace de stockage … dépass | buzón … lleno | skrzynka … pełna | przepełnion |
        переполнен | превышен … квот | превышен … размер почтового ящика | ящик … заполнен | 邮箱已满 | 郵箱已滿 |
        信箱已滿 | 空间不足 | 容量不足 | 空间已满 | 配额已满 | メールボックスが一杯 | メールボックスがいっぱい |
        メールボックスの容量 | 容量を超え | 容量超過 | 사서함이 가득 | 용량이 초과 | 용량 초과 | quota … dépass
        """,
    ),
    (
        Reason.RATE_LIMITED,
        """
        rate limit | ratelimit | rate-limit | throttl | too many concurrent | too many messages | too many mails |
        too many emails | too many recipients | too many sessions | too many invalid | too many unknown |
        too many bad | too many errors | too many requests | too many simultaneous | too much mail | too fast |
        rate that prevents | unusual rate | at a rate | rate of unsolicited | receiving mail too quickly |
        limit exceeded for … connections | connection limit | connections limit | connection rate | message rate |
        maximum number of messages | maximum number of connections | exceeded the maximum number | exceeded the rate |
        exceeded … messages per | exceeded … per hour | exceeded … per day | exceeded … limit for messages |
        sending limit | daily limit | hourly limit | message limit | sent too many | frequency limit |
        concurrency limit | trop de connexions | too many conn | zu viele verbindungen | demasiad … conexiones |
        слишком много | 频率 | 发信过于频繁 | 連続送信
        """,
    ),
    (
        Reason.RELAY_DENIED,
        """
        relay not permitted | relaying not permitted | relay is not permitted | relay prohibited |
        relaying prohibited | not permitted to relay | not allowed to relay | relaying not allowed |
        relay not allowed | relaying is not allowed | relaying is prohibited | unable to relay | cannot relay |
        can't relay | do not relay | don't relay | open relay | rcpthosts | requires authentication |
        authentication required | authentication is required | must be authenticated | client was not authenticated |
        does not accept mail for this domain | not a gateway | we do not handle mail for | domain not hosted here |
        domain isn't hosted here | weiterleitung verweigert | relay verweigert | relais interdit | relay … denied |
        relais refusé | 中继 | 中継
        """,
    ),
    (
        Reason.REPUTATION,
        """
        spamhaus | spamcop | sorbs | barracudacentral | uceprotect | dnsbl | rbl | blacklist | black list |
        black-list | blocklist | block list | blocked list | denylist | deny list | blocked using |
        blocked by … using | blocked sender ip | banned sending ip | banned sender | reputation | senderscore |
        sender score | senderbase | talosintelligence | cloudmark | user complaints | due to complaints |
        too many complaints | excessive complaints | spam from your | spam sent from | mail from ip |
        part of their network is on our block | your ip | your server | your mail server … blocked | your network |
        ip address … blocked | ip address … rejected | ip address … denied | ip … has been blocked | ip … is blocked |
        ip … listed | ip is rejected | ipcheck.proofpoint | mi:spb | mi:dmc | mi:stc | unfortunately, messages from |
        invalid dns mx | a problem occurred. (ask your postmaster |
        [tss | [ts0 | [cs01] | [bl2 | (s3140) | (s3150) | s775 | s3115 | dynamic ip |
        hosts with dynamic | dial-up | client host … blocked | client host rejected | host … is blocked |
        connection refused … abuse |
        your email has been returned because the intended recipient's email account's isp | access denied, banned |
        schwarze liste | auf einer sperrliste | liste noire | lista negra | ihre ip | ip-adresse … gesperrt |
        ip-adresse … abgelehnt |
        чёрн … списк | черн … списк | заблокирован ip | ваш ip | 黑名单 | 黑名單 | 信誉 | ブラックリスト
        """,
    ),
    (
        Reason.POLICY,
        """
        return path address | return path domain | return-path address | return-path domain | invalid return path |
        from address | from header | header from | in header | header field | reply-to address |
        envelope sender | sender's mailbox | sender's account | of the sender | sender check | sender address |
        5.1.7 | 5.1.8 | whitelist | white list | in address book | 's address book | my address book |
        your address book | the address book | for external mail | from outside | or policy |
        sender denied | callback setup failed | verify callout | callout verification | blocked senders |
        mailbox unavailable or access denied | @:blocked | sender verify | sender verification | sender domain |
        domain of sender | sender's domain | verification failed for <@> |
        from domain | invalid sender | unroutable sender | unrouteable sender | sender unknown |
        sender address … not | bogus mail from | backscatter | batv | sender is not allowed | sender not allowed |
        sender not authorized | sender not pre-approved | not in the recipient's allowed | restricted … sender |
        allowed senders | allow list | network not allowed | only accept | accepts mail only |
        accepting mail only from |
        accept messages from | not permitted to send | not authorized to send | not allowed to send |
        doesn't have permission | permission to send | permission to post | 投稿する権限 |
        members only | members-only | non-member | not a member |
        not subscribed to | delivery restriction | notauthorized | senderrestriction | restricted recipient |
        blocked by the recipient | blocked by recipient | blocked by user | recipient preferences | user reject |
        refused by recipient | recipient has blocked | recipient refuses | refuse to receive |
        domain of … does not designate | remitente … rechaz | remetente … rejeit | mittente … rifiut | your account |
        not accept mail from | absender … abgelehnt | absenderadresse | unknown sender | sender … rejected |
        受信拒否 | 指定受信 | expéditeur … refus | expéditeur … rejet | отправител … отклон | адрес отправителя |
        отправитель не | отправителю запрещено | 发件人 … 拒 | 发件人地址 | 差出人 … 拒否 | 送信元 … 拒否
        """,
    ),
    (
        Reason.CONTENT,
        """
        unsolicited | dt:spm | hl:itc | bulk email | content denied | content filter | mail content |
        because of its content |
        objectionable | phishing | blocked file | banned file | message looks like | unacceptable content |
        contains a url | blocked url | url … listed | surbl | uribl | ivmuri | invalid header | not rfc | rfc 5322 |
        rfc 2822 | rfc5322 | 8-bit | bare lf | bare newline | line too long | high probability | quarantin |
        pourriel | correo no deseado | indesejad | indesiderat | niechcian | spam | junk mail | bulk mail |
        suspicious content | suspicious message | illegal attachment | attachment type | attachment … not allowed |
        attachment … blocked | prohibited attachment | prohibited content | bad header |
        message header … invalid | message header … malformed | message header … missing | message headers fail |
        content … rejected | message … content |
        спам | 垃圾邮件 | 垃圾郵件 | 迷惑メール | スパム | unerwünscht | indésirable | 邮件内容 | 内容 … 拒
        """,
    ),
    (
        Reason.TOO_BIG,
        """
        message too long | mail is too large | mail too large | email too large | message size | message length |
        messagesize | size limit | maximum size | larger than | exceeds size | exceeds the size | exceeds … maximum |
        exceeded … maximum | trop volumineux | taille maximale | taille du message | demasiado grande |
        dimensione massima | troppo grande | mail size | mail is too big | email is too big | content too large |
        exceeds … limit for message | file size | message … too large | message … too big |
        nachricht ist zu groß | nachricht zu groß | tamaño máximo | tamanho máximo | zbyt duża | слишком больш |
        размер письма | 超过大小 | 邮件过大 | サイズが大き | サイズ制限
        """,
    ),
    (
        Reason.SYSTEM,
        """
        mail loop | system not accepting | not accepting network messages | yet, please retry | too many hops |
        message looping | message is looping
        """,
    ),
    (
        Reason.NETWORK,
        """
        host not found, try again | not found, try again later | did not accept our requests to connect |
        name service error … try again | dns soft error
        """,
    ),
    (
        Reason.MOVED,
        """
        has moved | have moved | user moved | mailbox moved | address has changed | address changed to |
        has been replaced by | user not local; please try | please use the new address | my new address |
        new email address is | umgezogen | nouvelle adresse | ha cambiato indirizzo |
        a changé d'adresse | ha cambiado de dirección | mudou de endereço
        """,
    ),
    (
        Reason.MAILBOX_DISABLED,
        """
        suspend the service |
        5.2.1 … mailbox unavailable | account … deactivated | account … inactive | account … suspended |
        account … locked | address … disabled | address … deactivated | user … disabled | user … inactive |
        user … suspended | user … deactivated | user … locked | recipient … disabled | recipient … inactive |
        recipient … suspended | that you tried to reach is disabled | is inactive | inactive user | inactive mailbox |
        inactive account | account is not active | user is not active | mailbox is not active | user not active |
        deactivated mailbox | mailbox is frozen | mailbox … suspended |
        mailbox … locked | mailbox … deactivated | mailbox is not accepting | not accepting any mail |
        no longer accepting mail | is not accepting mail | not accepting messages | extended inactivity |
        account expired | currently suspended | invalid/inactive | disabled recipient | deaktiviert | gesperrt |
        boite du destinataire archivee | compte … suspendu | deshabilitad | desactivad | desativad | inativ |
        suspendid | bloqueada | disabilitat | disattivat | sospes | zablokowan | nieaktywn | mailbox … disabled |
        account … disabled | account … closed | falta de uso |
        désactivé | boîte … archivée | заблокирован | отключен | неактив | 冻结 | 停用 | 禁用 | 已注销 | 被锁定 |
        利用停止 | 休止
        """,
    ),
    (
        Reason.NO_SUCH_DOMAIN,
        """
        host or domain name not found | domain name not found | domain not found | host not found | host unknown |
        domain ~ does not exist | domain does not exist | domain doesn't exist | domain not exist | domain unknown |
        domain couldn't be found |
        no such domain | domain ~ not exist | domain ~ couldn't be found | domain ~ could not be found |
        domain ~ wasn't found | unknown domain | bad destination host | host unknown | unknown host | no such host |
        bad destination system | couldn't find any host named | couldn't find any host by that name |
        cannot find any host | nxdomain | dnsdomaindoesnotexist | infodomainnonexistent |
        recipient domain must exist | invalid domain | illegal host/domain | name or service not known | null mx |
        nullmx | no mx record | no mx or a record | mx record … non-existent | lowest numbered mx |
        domain gibt es nicht | domain existiert nicht | domaine ~ existe pas | domaine inconnu | dominio inesistente |
        dominio ~ non esiste | domena ~ nie istnieje | domain does not accept mail | domain doesn't accept mail |
        domain ~ not accept mail ( | host ~ does not exist | domain ~ doesn't exist | domain ~ not found |
        domain ~ unknown | host ~ not found | dominio no existe |
        domínio ~ não existe | domínio não encontrado | домен ~ не существует | домен ~ не найден | 域名不存在 |
        域名错误 | 找不到域名 | ドメイン … 存在しません | ドメインが見つかりません | ホストが見つかりません
        """,
    ),
    (
        Reason.NO_SUCH_USER,
        """
        invalid final delivery userid |
        addressee unknown | not our user | 5.1.0 … address rejected | 5.4.1 … recipient addresses rejected |
        5.4.1 … recipient address rejected: access denied | unknown user | unknown or illegal | unknown or invalid |
        unknown local | unknown recipient | unknown address | unknown mailbox | unknown email | unknown e-mail |
        unknown account | unknown virtual | address unknown | mailbox unknown | account unknown | no such user |
        no such recipient | no such mailbox | no such address | no such account | no such person | no such local |
        no such email | no such name | nosuchuser | no mailbox here by that name | no mailbox by that name |
        no mailbox found | no account by that name | no user by that name | no user exists | no valid recipients |
        no one at this address | no mail box available | user not known | user not exist | user unknow |
        user missing | user doesn't have a | user does not have a | invalid user | invalid recipient |
        invalid mailbox | invalid email address | invalid local part | invalid account | not a valid recipient |
        not a valid user | not a valid mailbox | not a known user | not a local address | not an active address |
        not our customer | recipient not exist | recipient invalid | recipient no longer | recipnotfound |
        recipientnotfound | recipient notfound | rejected … unverified recipient | address … couldn't be found |
        address … could not be found | address … wasn't found | address not present | address is wrong |
        address invalid | address no longer | address error | mailbox not present | mailbox invalid |
        mailbox unavailable | mailbox is unavailable | mailbox not available | mailbox unavaiable |
        mailbox name not allowed | account unavailable | account not available | account … deleted |
        account … terminated | no longer on server | no longer in use | no longer valid | no longer exists |
        no longer works | no longer employed | is not a member of staff | does not exist | doesn't exist here |
        non-existent | nonexistent | non existent | not listed in | name not found | not found in |
        bad destination mailbox | bad recipient | bad_recipient | badrcptto | destination addresses were unknown |
        email name is not found | can't verify recipient | unrouteable address | unroutable address | discontinued |
        the envelope recipient … not | temporarily unverified … unknown | existiert nicht | unbekannter benutzer |
        konnte nicht gefunden werden | wurde nicht gefunden | nicht bekannt | unbekannte adresse |
        utilisateur inconnu | destinataire inconnu | destinataire invalide | adresse … inconnue | adresse … invalide |
        adresse … inexistante | adresse … n'existe | boite … inexistante | compte … n'existe | introuvable |
        n'existe pas | n'existe plus | usuario desconocido | no existe | no se ha encontrado |
        destinatario desconocido | usuario inexistente | conta … inexistente | utente sconosciuto |
        utente non trovato | indirizzo … inesistente | casella inesistente | destinatario sconosciuto |
        nessun utente | non esiste | nie istnieje | nieznany adresat | onbekende gebruiker | gebruiker onbekend |
        bestaat niet | neexistuje | finns inte | findes ikke | finnes ikke | invalid address | bad address |
        user … unknown | recipient … unknown | user … not found | user … doesn't exist | recipient … not found |
        recipient … doesn't exist | address … doesn't exist | address … not found | mailbox … not found |
        mailbox … doesn't exist | mailbox … not exist | account … doesn't exist | account … not found |
        benutzer … unbekannt | user … invalid | rcpt … not exist |
        unbekannter empfänger | adresse ist ungültig | ungültige adresse | ungültiger empfänger | boîte … n'existe |
        dirección … no encontrad | no se encontró | buzón inexistente | usuário desconhecido | usuário inexistente |
        não existe | não encontrado | não foi encontrado | destinatário desconhecido | nieznany użytkownik |
        użytkownik nieznany | nie ma takiego użytkownika | adres nie został znaleziony | neznámý | bulunamadı |
        mevcut değil | нет такого пользователя | такого пользователя нет | такого ящика нет | нет такого ящика |
        адресат неизвестен | неизвестный пользователь | не существует | не зарегистрирован | не найден | 不存在 |
        没有找到收件人 | 找不到收件人 | 无此用户 | 查無此人 | あて先不明 | 宛先不明 | あて先 … 見つかりません |
        宛先 … 見つかりません | メールアドレスが見つかりません | 見つかりませんでした | 存在しません | 存在しない |
        ユーザーが見つかりません | ディレクトリ … には見つかりません | ディレクトリのリストにありません |
        ユーザは存在 | 사용자가 없습니다 | 존재하지 않 | 찾을 수 없 | 알 수 없는 사용자 |
        empfänger … unbekannt
        """,
    ),
)

GENERAL: tuple[tuple[Reason, str], ...] = (
    (
        Reason.POLICY,
        """
        policy | policies | access denied | permission denied | not authorized | not authorised | unauthorized |
        administrative | message rejected | message refused | mail rejected | transaction failed | denied by |
        delivery … refused | richtlinie | abgelehnt | politique | rechazad | rejeitad | rifiutat | odrzucon |
        rejected by … rule | rejected by … admin | blocked by … admin | blocked by … filter | rejected by … filter |
        prohibited | not accept | security |
        aus sicherheitsgründen | rejeté | refusé | política | политик | отклонен | отказано | 拒收 | 拒绝 | 拒否
        """,
    ),
    (
        Reason.EXPIRED,
        """
        expired | retry timeout exceeded | retry time not reached | queue too long | been in the queue |
        too long in queue | message timed out | could not be delivered for | undeliverable for | undeliverable after |
        not be delivered within | not been collected | delivery failed … attempts |
        failing for a long time | giving up | has given up | have given up | gave up | retried … times |
        time limit | time-out exceeded | multiple attempts | abgelaufen | expirado | caducado | scaduto |
        zeitüberschreitung | délai … expiré | délai dépassé | upłynął | истёк | истек | 超时 | 逾时 | タイムアウト
        """,
    ),
    (
        Reason.NETWORK,
        """
        domain is not reachable | not reachable | connection to … failed | could not find a gateway |
        connection reset | connection lost | lost connection | connection dropped | connection closed |
        connection failed | connection error | network error | no route to host | host not reachable |
        unable to connect | cannot connect | unable to contact | wasn't able to establish an smtp connection |
        not able to establish | no answer from host | did not respond | not responding | timed out | timeout |
        name service error | name server | nameserver | dns error | dns failure | dns lookup | dns query | servfail |
        lookup failure | temporary failure in name resolution | tls handshake | tls is required | tls … fail |
        certificate | broken pipe | unreachable | verbindung … fehlgeschlagen | nicht erreichbar | dns server |
        connection … refused | could … connect |
        connexion … échou | conexión rechazada | соединени | недоступен | 连接 | 接続
        """,
    ),
    (
        Reason.SYSTEM,
        """
        mail system full | system is full | currently unavailable |
        no space left | disk full | insufficient system | insufficient disk | out of memory | system error |
        internal error | internal server | local error | server error | service unavailable | service not available |
        service is unavailable | temporary failure | temporary error | temporary problem | temporary local problem |
        temporary lookup | temporarily | try again later | try later | please retry | system resources | server busy |
        server is busy | too busy | mail loop | mail forwarding loop | loops back | routing loop | loop detected |
        too many hops | hop count | hops exceeded | configuration error | misconfigur | command not recognized |
        command unrecognized | syntax error | bad sequence | protocol error | unable to deliver | mailer error |
        command died | child process | pipe to | procmail | maildrop | input/output error | cannot open | can't create |
        unable to create | aliasing | smtputf8 | internationalized | not support | directory … unavailable |
        directory service | local configuration |
        временно | ошибка сервера | 系统繁忙 | 稍后 | システムエラー | 一時的
        """,
    ),
)
